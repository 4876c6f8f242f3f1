CREATE TABLE "project_secrets" (
	"org_id" text NOT NULL,
	"project" text NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"sealed" text NOT NULL,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "project_secrets_org_id_project_name_pk" PRIMARY KEY("org_id","project","name")
);
--> statement-breakpoint
ALTER TABLE "project_secrets" ADD CONSTRAINT "project_secrets_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;