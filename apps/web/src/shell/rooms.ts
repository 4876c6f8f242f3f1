/** The lazily loaded rooms of a workspace, by the pane that shows them. */
import type { ComponentType } from 'preact'
import type { Workspace } from '@berth/wire'
import type { Pane } from '../state/session.ts'

type Room = () => Promise<ComponentType<{ workspace: Workspace }>>
const status: Room = async () => (await import('../session/status-pane.tsx')).StatusPane

export const ROOMS: Record<Pane, Room> = {
  chat: status,
  status,
  cost: status,
  changes: async () => (await import('../review/review-pane.tsx')).ReviewPane,
  terminal: async () => (await import('../terminal/terminal-pane.tsx')).AgentTerminal,
  preview: async () => (await import('../files/previews-pane.tsx')).PreviewsPane,
  files: async () => (await import('../files/files-pane.tsx')).FilesPane,
}
