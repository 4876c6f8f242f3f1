CREATE TABLE "github_apps" (
	"org_id" text NOT NULL,
	"origin" text NOT NULL,
	"app_id" bigint NOT NULL,
	"slug" text NOT NULL,
	"name" text NOT NULL,
	"html_url" text NOT NULL,
	"sealed" text NOT NULL,
	"added_at" bigint NOT NULL,
	"last_used_at" bigint,
	CONSTRAINT "github_apps_org_id_origin_pk" PRIMARY KEY("org_id","origin")
);
--> statement-breakpoint
CREATE TABLE "github_setups" (
	"state_hash" text PRIMARY KEY NOT NULL,
	"org_id" text NOT NULL,
	"origin" text NOT NULL,
	"organization" text,
	"name" text NOT NULL,
	"by" text NOT NULL,
	"expires_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "github_apps" ADD CONSTRAINT "github_apps_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "github_setups" ADD CONSTRAINT "github_setups_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;