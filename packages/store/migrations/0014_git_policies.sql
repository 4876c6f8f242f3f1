CREATE TABLE "git_policies" (
	"workspace_id" text PRIMARY KEY NOT NULL,
	"policy" jsonb NOT NULL,
	"updated_at" bigint NOT NULL
);
