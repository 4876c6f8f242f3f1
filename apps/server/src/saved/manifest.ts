/** What a workspace made of a saved state needs and no machine knows. Nothing secret: of variables not even the names. */
import type { SavedManifest, SessionRow, WorkspaceRow } from '@berth/core'
import { AgentKind, ApprovalMode, CodeSource, Resources, SessionId, SessionMode } from '@berth/wire'
import { EgressPolicy } from '@berth/wire/egress'
import { GitPolicy } from '@berth/wire/git-policy'
import { z } from 'zod'

export const Manifest = z.object({
  version: z.literal(1),
  name: z.string(), repository: z.string(), branch: z.string().nullable(), source: CodeSource, provider: z.string(), image: z.string().nullable(), resources: Resources,
  agent: AgentKind, command: z.string().nullable(), services: z.array(z.object({ name: z.string(), command: z.string() })), approvalMode: ApprovalMode, autoStopMs: z.number(),
  sessionId: SessionId, outline: z.array(z.string()).nullable(),
  sessions: z.array(z.object({ id: SessionId, title: z.string().nullable(), agent: AgentKind, mode: SessionMode, command: z.string().nullable(), approvalMode: ApprovalMode })),
  /** Where it might go, and what it might do at git hosts. Absent: nobody had said, or it was saved before they were kept. */
  egress: EgressPolicy.pick({ mode: true, allow: true, deny: true }).optional(), git: GitPolicy.optional(),
})
export type Manifest = z.infer<typeof Manifest>

export function manifestOf(workspace: WorkspaceRow, sessions: readonly SessionRow[], { egress, git }: Pick<Manifest, 'egress' | 'git'>): SavedManifest {
  const { name, repository, branch, source, provider, image, resources, agent, command, services, approvalMode, autoStopMs, sessionId, project } = workspace
  return {
    version: 1, name, repository, branch, source, provider, image, resources, agent, command, services: [...services], approvalMode, autoStopMs, sessionId, outline: project?.outline === undefined || project.outline === null ? null : [...project.outline],
    sessions: sessions.filter(({ main }) => !main).map((one) => ({ id: one.id, title: one.title, agent: one.agent, mode: one.mode, command: one.command, approvalMode: one.approvalMode })),
    ...(egress === undefined ? {} : { egress }), ...(git === undefined ? {} : { git }),
  } satisfies Manifest
}
