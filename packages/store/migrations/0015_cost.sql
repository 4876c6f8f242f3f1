CREATE TABLE "cost_intervals" (
	"workspace_id" text NOT NULL,
	"generation" integer NOT NULL,
	"since" bigint NOT NULL,
	"until" bigint,
	"org_id" text NOT NULL,
	"user_id" text NOT NULL,
	"provider" text NOT NULL,
	"state" text NOT NULL,
	"currency" text,
	"micros_per_hour" bigint,
	"increment_ms" bigint NOT NULL,
	CONSTRAINT "cost_intervals_workspace_id_generation_since_pk" PRIMARY KEY("workspace_id","generation","since")
);
--> statement-breakpoint
CREATE TABLE "cost_limits" (
	"org_id" text NOT NULL,
	"scope" text NOT NULL,
	"subject" text NOT NULL,
	"currency" text NOT NULL,
	"soft_micros" bigint,
	"hard_micros" bigint,
	"hourly_micros" bigint,
	"running" integer,
	"told_in" text,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "cost_limits_org_id_scope_subject_pk" PRIMARY KEY("org_id","scope","subject")
);
--> statement-breakpoint
CREATE TABLE "provider_notes" (
	"name" text PRIMARY KEY NOT NULL,
	"chosen" boolean DEFAULT false NOT NULL,
	"report" jsonb,
	"updated_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "cost_intervals" ADD CONSTRAINT "cost_intervals_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "cost_limits" ADD CONSTRAINT "cost_limits_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "cost_intervals_open" ON "cost_intervals" USING btree ("workspace_id","generation") WHERE "cost_intervals"."until" is null;--> statement-breakpoint
CREATE INDEX "cost_intervals_org" ON "cost_intervals" USING btree ("org_id","until");