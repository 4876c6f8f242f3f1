CREATE TABLE "sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace_id" text NOT NULL,
	"title" text,
	"agent" text NOT NULL,
	"mode" text NOT NULL,
	"command" text,
	"approval_mode" text NOT NULL,
	"main" boolean NOT NULL,
	"forked_from" text,
	"state" text NOT NULL,
	"detail" text,
	"created_at" bigint NOT NULL,
	"ended_at" bigint
);
--> statement-breakpoint
ALTER TABLE "prompts" ADD COLUMN "session_id" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "sessions_workspace" ON "sessions" USING btree ("workspace_id","created_at");