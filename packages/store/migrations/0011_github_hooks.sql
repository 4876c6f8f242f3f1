CREATE TABLE "github_deliveries" (
	"org_id" text NOT NULL,
	"origin" text NOT NULL,
	"guid" text NOT NULL,
	"event" text NOT NULL,
	"action" text,
	"received_at" bigint NOT NULL,
	CONSTRAINT "github_deliveries_org_id_origin_guid_pk" PRIMARY KEY("org_id","origin","guid")
);
--> statement-breakpoint
CREATE TABLE "github_hooks" (
	"org_id" text NOT NULL,
	"origin" text NOT NULL,
	"app_id" bigint NOT NULL,
	"heard_at" bigint,
	"caught_up_to" bigint,
	CONSTRAINT "github_hooks_org_id_origin_pk" PRIMARY KEY("org_id","origin")
);
--> statement-breakpoint
CREATE TABLE "pull_watches" (
	"workspace_id" text PRIMARY KEY NOT NULL,
	"tell" boolean NOT NULL,
	"by" text NOT NULL,
	"told" text
);
--> statement-breakpoint
ALTER TABLE "github_deliveries" ADD CONSTRAINT "github_deliveries_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "github_hooks" ADD CONSTRAINT "github_hooks_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "github_deliveries_received" ON "github_deliveries" USING btree ("received_at");