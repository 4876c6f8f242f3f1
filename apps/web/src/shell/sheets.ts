/** Dialogs that are loaded when they are asked for. */
import { signal } from '@preact/signals'
import type { Workspace } from '@berth/wire'

export type SheetName = 'palette' | 'keys' | 'qr' | 'connect' | 'delete' | 'sessions'
export const sheet = signal<{ readonly name: SheetName; readonly workspace: Workspace | null } | null>(null)

export function lazySheet(name: SheetName, workspace: Workspace | null = null): void {
  sheet.value = { name, workspace }
}
