CREATE TABLE "model_keys" (
	"org_id" text NOT NULL,
	"vendor" text NOT NULL,
	"base_url" text NOT NULL,
	"sealed" text NOT NULL,
	"limit_micros" bigint,
	"added_at" bigint NOT NULL,
	"last_used_at" bigint,
	CONSTRAINT "model_keys_org_id_vendor_pk" PRIMARY KEY("org_id","vendor")
);
--> statement-breakpoint
CREATE TABLE "model_usage" (
	"workspace_id" text NOT NULL,
	"vendor" text NOT NULL,
	"model" text NOT NULL,
	"requests" bigint NOT NULL,
	"input_tokens" bigint NOT NULL,
	"output_tokens" bigint NOT NULL,
	"cache_read_tokens" bigint NOT NULL,
	"cache_write_tokens" bigint NOT NULL,
	"cost_micros" bigint NOT NULL,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "model_usage_workspace_id_vendor_model_pk" PRIMARY KEY("workspace_id","vendor","model")
);
--> statement-breakpoint
ALTER TABLE "model_keys" ADD CONSTRAINT "model_keys_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_usage" ADD CONSTRAINT "model_usage_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;