CREATE TABLE "pools" (
	"id" text PRIMARY KEY NOT NULL,
	"org_id" text NOT NULL,
	"creator_id" text NOT NULL,
	"url" text NOT NULL,
	"project" text NOT NULL,
	"branch" text NOT NULL,
	"provider" text NOT NULL,
	"resources" jsonb NOT NULL,
	"count" integer NOT NULL,
	"budget_micros" bigint NOT NULL,
	"currency" text NOT NULL,
	"retry_at" bigint DEFAULT 0 NOT NULL,
	"problem" text,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "pool_id" text;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "pool_taken_at" bigint;--> statement-breakpoint
ALTER TABLE "cost_intervals" ADD COLUMN "pool_id" text;--> statement-breakpoint
ALTER TABLE "pools" ADD CONSTRAINT "pools_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pools" ADD CONSTRAINT "pools_creator_id_users_id_fk" FOREIGN KEY ("creator_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "pools_of" ON "pools" USING btree ("org_id","project","branch","provider","resources");--> statement-breakpoint
CREATE INDEX "workspaces_pool" ON "workspaces" USING btree ("pool_id") WHERE "workspaces"."pool_id" is not null and "workspaces"."pool_taken_at" is null and "workspaces"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "cost_intervals_pool" ON "cost_intervals" USING btree ("pool_id") WHERE "cost_intervals"."pool_id" is not null;