CREATE TABLE "approvals" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace_id" text NOT NULL,
	"session_id" text NOT NULL,
	"kind" text NOT NULL,
	"tool" text NOT NULL,
	"title" text NOT NULL,
	"tool_call_id" text,
	"input" jsonb NOT NULL,
	"cwd" text,
	"content_hash" text NOT NULL,
	"state" text NOT NULL,
	"orphaned" boolean DEFAULT false NOT NULL,
	"asked_at" bigint NOT NULL,
	"decision" jsonb,
	"decided_by" jsonb,
	"applied_at" bigint
);
--> statement-breakpoint
CREATE TABLE "boot_tokens" (
	"workspace_id" text NOT NULL,
	"generation" integer NOT NULL,
	"hash" text NOT NULL,
	"created_at" bigint NOT NULL,
	"used_at" bigint,
	CONSTRAINT "boot_tokens_workspace_id_generation_pk" PRIMARY KEY("workspace_id","generation")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"workspace_id" text NOT NULL,
	"seq" bigint NOT NULL,
	"id" text NOT NULL,
	"at" bigint NOT NULL,
	"source" text NOT NULL,
	"body" jsonb NOT NULL,
	CONSTRAINT "events_workspace_id_seq_pk" PRIMARY KEY("workspace_id","seq")
);
--> statement-breakpoint
CREATE TABLE "installation" (
	"singleton" integer PRIMARY KEY DEFAULT 1 NOT NULL,
	"id" text NOT NULL,
	"epoch" bigint NOT NULL,
	"reaper_held" text,
	"min_server_version" text NOT NULL,
	"owner_user_id" text,
	"owner_org_id" text
);
--> statement-breakpoint
CREATE TABLE "journals" (
	"workspace_id" text NOT NULL,
	"id" text NOT NULL,
	"generation" integer NOT NULL,
	"last_n" bigint NOT NULL,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "journals_workspace_id_id_pk" PRIMARY KEY("workspace_id","id")
);
--> statement-breakpoint
CREATE TABLE "link_tokens" (
	"hash" text PRIMARY KEY NOT NULL,
	"workspace_id" text NOT NULL,
	"generation" integer NOT NULL,
	"boot_hash" text NOT NULL,
	"presented" boolean DEFAULT false NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "links" (
	"workspace_id" text NOT NULL,
	"epoch" bigint NOT NULL,
	"generation" integer NOT NULL,
	"server" text NOT NULL,
	"journal_id" text NOT NULL,
	"boot" text NOT NULL,
	"daemon_version" text NOT NULL,
	"isolation" text NOT NULL,
	"opened_at" bigint NOT NULL,
	"last_seen_at" bigint NOT NULL,
	"closed_at" bigint,
	CONSTRAINT "links_workspace_id_epoch_pk" PRIMARY KEY("workspace_id","epoch")
);
--> statement-breakpoint
CREATE TABLE "machines" (
	"workspace_id" text NOT NULL,
	"generation" integer NOT NULL,
	"provider" text NOT NULL,
	"ref" jsonb,
	"poll" jsonb,
	"observed" jsonb NOT NULL,
	"observed_at" bigint,
	"isolation" text,
	"ensuring_since" bigint,
	"stopping_since" bigint,
	"save_state" text DEFAULT 'none' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"retry_at" bigint,
	"link_epoch" bigint DEFAULT 0 NOT NULL,
	"linked_at" bigint,
	"last_seen_at" bigint,
	"daemon_version" text,
	"created_at" bigint NOT NULL,
	"ended_at" bigint,
	CONSTRAINT "machines_workspace_id_generation_pk" PRIMARY KEY("workspace_id","generation")
);
--> statement-breakpoint
CREATE TABLE "memberships" (
	"org_id" text NOT NULL,
	"user_id" text NOT NULL,
	"role" text NOT NULL,
	"created_at" bigint NOT NULL,
	CONSTRAINT "memberships_org_id_user_id_pk" PRIMARY KEY("org_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "organisations" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"personal_of" text,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "prompts" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace_id" text NOT NULL,
	"text" text NOT NULL,
	"by" text NOT NULL,
	"status" text NOT NULL,
	"detail" text,
	"created_at" bigint NOT NULL,
	"position" bigint GENERATED ALWAYS AS IDENTITY (sequence name "prompts_position_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1)
);
--> statement-breakpoint
CREATE TABLE "sightings" (
	"key" text PRIMARY KEY NOT NULL,
	"count" integer NOT NULL,
	"first_at" bigint NOT NULL,
	"last_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sign_in_codes" (
	"hash" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"used_at" bigint
);
--> statement-breakpoint
CREATE TABLE "streams" (
	"workspace_id" text PRIMARY KEY NOT NULL,
	"tail" bigint DEFAULT 0 NOT NULL,
	"floor" bigint DEFAULT 0 NOT NULL,
	"link_epoch" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"hash" text NOT NULL,
	"org_id" text NOT NULL,
	"user_id" text NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint,
	"last_used_at" bigint
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "viewers" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace_id" text NOT NULL,
	"user_id" text NOT NULL,
	"client" text NOT NULL,
	"joined_at" bigint NOT NULL,
	"last_seen_at" bigint NOT NULL,
	"last_input_at" bigint
);
--> statement-breakpoint
CREATE TABLE "workspace_secrets" (
	"workspace_id" text PRIMARY KEY NOT NULL,
	"sealed" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspaces" (
	"id" text PRIMARY KEY NOT NULL,
	"org_id" text NOT NULL,
	"creator_id" text NOT NULL,
	"idempotency_key" text,
	"name" text NOT NULL,
	"repository" text NOT NULL,
	"branch" text,
	"source" jsonb NOT NULL,
	"source_ready" boolean NOT NULL,
	"provider" text NOT NULL,
	"image" text,
	"resources" jsonb NOT NULL,
	"agent" text NOT NULL,
	"command" text,
	"services" jsonb NOT NULL,
	"approval_mode" text NOT NULL,
	"accept_no_isolation" boolean NOT NULL,
	"session_id" text NOT NULL,
	"exposures" jsonb NOT NULL,
	"auto_stop_ms" bigint NOT NULL,
	"keep_alive_until" bigint,
	"wish_target" text NOT NULL,
	"wish_by" text NOT NULL,
	"wish_version" bigint NOT NULL,
	"wish_reason" text,
	"wish_at" bigint NOT NULL,
	"generation" integer DEFAULT 0 NOT NULL,
	"failure" jsonb,
	"steps" jsonb NOT NULL,
	"status_message" text,
	"agent_state" text DEFAULT 'none' NOT NULL,
	"activity" jsonb,
	"idle_verdicts" integer DEFAULT 0 NOT NULL,
	"last_active_at" bigint NOT NULL,
	"started_at" bigint,
	"ready_at" bigint,
	"reported" jsonb,
	"saved" jsonb,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL,
	"deleted_at" bigint,
	"next_tick_at" bigint NOT NULL,
	"woken" boolean DEFAULT false NOT NULL,
	"fence" bigint DEFAULT 0 NOT NULL,
	"lease_owner" text,
	"lease_until" bigint
);
--> statement-breakpoint
ALTER TABLE "approvals" ADD CONSTRAINT "approvals_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "boot_tokens" ADD CONSTRAINT "boot_tokens_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_workspace_id_streams_workspace_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."streams"("workspace_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "journals" ADD CONSTRAINT "journals_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "link_tokens" ADD CONSTRAINT "link_tokens_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "links" ADD CONSTRAINT "links_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "machines" ADD CONSTRAINT "machines_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "organisations" ADD CONSTRAINT "organisations_personal_of_users_id_fk" FOREIGN KEY ("personal_of") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "prompts" ADD CONSTRAINT "prompts_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sign_in_codes" ADD CONSTRAINT "sign_in_codes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "streams" ADD CONSTRAINT "streams_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tokens" ADD CONSTRAINT "tokens_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tokens" ADD CONSTRAINT "tokens_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "viewers" ADD CONSTRAINT "viewers_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "viewers" ADD CONSTRAINT "viewers_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_secrets" ADD CONSTRAINT "workspace_secrets_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_creator_id_users_id_fk" FOREIGN KEY ("creator_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "approvals_workspace" ON "approvals" USING btree ("workspace_id","asked_at");--> statement-breakpoint
CREATE INDEX "approvals_waiting" ON "approvals" USING btree ("asked_at") WHERE "approvals"."state" in ('open', 'orphaned');--> statement-breakpoint
CREATE UNIQUE INDEX "events_id" ON "events" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "link_tokens_machine" ON "link_tokens" USING btree ("workspace_id","generation");--> statement-breakpoint
CREATE INDEX "machines_live" ON "machines" USING btree ("workspace_id") WHERE "machines"."ended_at" is null;--> statement-breakpoint
CREATE INDEX "memberships_user" ON "memberships" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "prompts_workspace" ON "prompts" USING btree ("workspace_id","created_at","position");--> statement-breakpoint
CREATE UNIQUE INDEX "tokens_hash" ON "tokens" USING btree ("hash");--> statement-breakpoint
CREATE INDEX "tokens_user" ON "tokens" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE INDEX "viewers_workspace" ON "viewers" USING btree ("workspace_id","last_seen_at");--> statement-breakpoint
CREATE INDEX "viewers_seen" ON "viewers" USING btree ("last_seen_at");--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_name" ON "workspaces" USING btree ("org_id","name") WHERE "workspaces"."deleted_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_idempotency" ON "workspaces" USING btree ("creator_id","idempotency_key");--> statement-breakpoint
CREATE INDEX "workspaces_due" ON "workspaces" USING btree ("next_tick_at") WHERE "workspaces"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "workspaces_created" ON "workspaces" USING btree ("org_id","created_at");