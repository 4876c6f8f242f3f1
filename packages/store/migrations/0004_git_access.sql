CREATE TABLE "audit" (
	"org_id" text NOT NULL,
	"n" bigint NOT NULL,
	"at" bigint NOT NULL,
	"action" text NOT NULL,
	"workspace_id" text,
	"actor" text NOT NULL,
	"subject" text NOT NULL,
	"allowed" boolean NOT NULL,
	"reason" text,
	"refs" jsonb NOT NULL,
	"token_expires_at" bigint,
	"hash" text NOT NULL,
	CONSTRAINT "audit_org_id_n_pk" PRIMARY KEY("org_id","n")
);
--> statement-breakpoint
CREATE TABLE "git_hosts" (
	"id" text PRIMARY KEY NOT NULL,
	"org_id" text NOT NULL,
	"origin" text NOT NULL,
	"username" text NOT NULL,
	"sealed" text NOT NULL,
	"added_at" bigint NOT NULL,
	"last_used_at" bigint
);
--> statement-breakpoint
ALTER TABLE "audit" ADD CONSTRAINT "audit_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "git_hosts" ADD CONSTRAINT "git_hosts_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_workspace" ON "audit" USING btree ("workspace_id");--> statement-breakpoint
CREATE UNIQUE INDEX "git_hosts_origin" ON "git_hosts" USING btree ("org_id","origin");