CREATE TABLE "saved_states" (
	"id" text PRIMARY KEY NOT NULL,
	"org_id" text NOT NULL,
	"workspace_id" text NOT NULL,
	"workspace_name" text NOT NULL,
	"repository" text NOT NULL,
	"kind" text NOT NULL,
	"name" text,
	"state" text NOT NULL,
	"detail" text,
	"place" text NOT NULL,
	"size_bytes" bigint NOT NULL,
	"plain_bytes" bigint NOT NULL,
	"files" integer NOT NULL,
	"sha256" text,
	"left_out" jsonb NOT NULL,
	"manifest" jsonb NOT NULL,
	"created_by" text NOT NULL,
	"created_at" bigint NOT NULL,
	"verified_at" bigint,
	"expires_at" bigint
);
--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "ephemeral" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "move" jsonb;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "restore" jsonb;--> statement-breakpoint
ALTER TABLE "saved_states" ADD CONSTRAINT "saved_states_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "saved_states_org" ON "saved_states" USING btree ("org_id","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "saved_states_template" ON "saved_states" USING btree ("org_id","name") WHERE "saved_states"."name" is not null and "saved_states"."state" in ('saving', 'verified');