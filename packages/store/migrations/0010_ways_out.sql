CREATE TABLE "egress_policies" (
	"workspace_id" text PRIMARY KEY NOT NULL,
	"mode" text NOT NULL,
	"allow" jsonb NOT NULL,
	"deny" jsonb NOT NULL,
	"updated_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "egress_refusals" (
	"workspace_id" text NOT NULL,
	"host" text NOT NULL,
	"port" bigint NOT NULL,
	"why" text NOT NULL,
	"times" bigint NOT NULL,
	"first_at" bigint NOT NULL,
	"last_at" bigint NOT NULL,
	CONSTRAINT "egress_refusals_workspace_id_host_port_pk" PRIMARY KEY("workspace_id","host","port")
);
--> statement-breakpoint
CREATE TABLE "injections" (
	"org_id" text NOT NULL,
	"name" text NOT NULL,
	"host" text NOT NULL,
	"kind" text NOT NULL,
	"how" jsonb NOT NULL,
	"sealed" text NOT NULL,
	"added_at" bigint NOT NULL,
	"last_used_at" bigint,
	CONSTRAINT "injections_org_id_name_pk" PRIMARY KEY("org_id","name")
);
--> statement-breakpoint
CREATE TABLE "model_budgets" (
	"org_id" text NOT NULL,
	"scope" text NOT NULL,
	"subject" text NOT NULL,
	"soft_micros" bigint,
	"hard_micros" bigint,
	"told_in" text,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "model_budgets_org_id_scope_subject_pk" PRIMARY KEY("org_id","scope","subject")
);
--> statement-breakpoint
CREATE TABLE "model_fallbacks" (
	"org_id" text NOT NULL,
	"vendor" text NOT NULL,
	"name" text NOT NULL,
	"user_id" text,
	"base_url" text NOT NULL,
	"kind" text NOT NULL,
	"sealed" text NOT NULL,
	"position" bigint NOT NULL,
	"added_at" bigint NOT NULL,
	"last_used_at" bigint,
	CONSTRAINT "model_fallbacks_org_id_vendor_name_pk" PRIMARY KEY("org_id","vendor","name")
);
--> statement-breakpoint
CREATE TABLE "model_usage_days" (
	"org_id" text NOT NULL,
	"workspace_id" text NOT NULL,
	"session_id" text NOT NULL,
	"user_id" text NOT NULL,
	"day" text NOT NULL,
	"vendor" text NOT NULL,
	"model" text NOT NULL,
	"key_name" text NOT NULL,
	"requests" bigint NOT NULL,
	"estimated" bigint NOT NULL,
	"input_tokens" bigint NOT NULL,
	"output_tokens" bigint NOT NULL,
	"cache_read_tokens" bigint NOT NULL,
	"cache_write_tokens" bigint NOT NULL,
	"cost_micros" bigint NOT NULL,
	"unpriced_tokens" bigint NOT NULL,
	CONSTRAINT "model_usage_days_workspace_id_day_vendor_model_session_id_key_name_pk" PRIMARY KEY("workspace_id","day","vendor","model","session_id","key_name")
);
--> statement-breakpoint
ALTER TABLE "injections" ADD CONSTRAINT "injections_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_budgets" ADD CONSTRAINT "model_budgets_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_fallbacks" ADD CONSTRAINT "model_fallbacks_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_fallbacks" ADD CONSTRAINT "model_fallbacks_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_usage_days" ADD CONSTRAINT "model_usage_days_org_id_organisations_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."organisations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "model_usage_days_org" ON "model_usage_days" USING btree ("org_id","day");--> statement-breakpoint
CREATE INDEX "model_usage_days_user" ON "model_usage_days" USING btree ("user_id","day");