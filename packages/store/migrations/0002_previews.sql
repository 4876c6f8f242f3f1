CREATE TABLE "preview_grants" (
	"hash" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"workspace_id" text NOT NULL,
	"port" integer NOT NULL,
	"token_id" text,
	"share_hash" text,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "previews" (
	"workspace_id" text NOT NULL,
	"port" integer NOT NULL,
	"label" text,
	"is_primary" boolean DEFAULT false NOT NULL,
	"access" text DEFAULT 'private' NOT NULL,
	"host_header" text DEFAULT 'preview' NOT NULL,
	"wake" boolean DEFAULT false NOT NULL,
	"share_hash" text,
	"share_expires_at" bigint,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "previews_workspace_id_port_pk" PRIMARY KEY("workspace_id","port")
);
--> statement-breakpoint
ALTER TABLE "preview_grants" ADD CONSTRAINT "preview_grants_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "preview_grants" ADD CONSTRAINT "preview_grants_token_id_tokens_id_fk" FOREIGN KEY ("token_id") REFERENCES "public"."tokens"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "previews" ADD CONSTRAINT "previews_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "preview_grants_token" ON "preview_grants" USING btree ("token_id");--> statement-breakpoint
CREATE INDEX "preview_grants_expires" ON "preview_grants" USING btree ("expires_at");