import type { ComponentChildren } from 'preact'
import { Command } from '../ui/command.tsx'
import { attempt, client, go, putWorkspace } from '../state/session.ts'
import { copy } from './copy.ts'
import { closeSheet, Dialog } from './dialog.tsx'
import { sheet } from './sheets.ts'

const KEYS: readonly (readonly [keys: readonly string[], what: string])[] = [
  [['⌘', 'K'], 'search and commands'], [['?'], 'this list'], [['j'], 'down the list'], [['k'], 'up the list'], [['Alt', '1…9'], 'open a workspace by its place'],
  [['y'], 'allow what is asked'], [['n'], 'deny it'], [['c'], 'write to the agent'], [['⌘', '↵'], 'stop the turn and say it now'],
  [['g', 'r'], 'review'], [['g', 't'], 'terminal'], [['g', 'f'], 'files'], [['g', 'p'], 'previews'], [['g', 's'], 'status'], [['g', 'i'], 'inbox'], [['g', 'l'], 'live tiles'], [['g', ','], 'settings'],
  [['g', 'n'], 'new workspace'], [['.'], 'all actions of the workspace'], [['Esc'], 'back'],
]

export function KeysSheet() {
  return (
    <Dialog title="Keyboard">
      <dl class="keys-list">{KEYS.map(([keys, what]) => <div key={what}><dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt><dd>{what}</dd></div>)}</dl>
    </Dialog>
  )
}

export function ConnectSheet() {
  const { name } = sheet.value?.workspace ?? { name: '' }
  return (
    <Dialog title={`Connect to ${name}`}>
      <p>On a computer with the command line signed in to this server:</p>
      <Way command={`berth attach ${name}`}>It joins the terminal that the agent runs in. Several may be in it at once.</Way>
      <Way command={`berth ssh ${name}`}>A shell of your own beside it. After <code>berth ssh-config</code> plain ssh, scp and editors reach <code>berth-{name}</code> too.</Way>
    </Dialog>
  )
}

function Way({ command, children }: { command: string; children: ComponentChildren }) {
  return (
    <>
      <Command text={command} />
      <button type="button" class="btn" aria-label={`Copy the command ${command}`} onClick={() => void copy(command)}>Copy the command</button>
      <p class="meta">{children}</p>
    </>
  )
}

export function DeleteSheet() {
  const workspace = sheet.value?.workspace
  if (!workspace) return null
  const remove = async () => {
    const left = await attempt(() => client.deleteWorkspace({ id: workspace.id }))
    closeSheet()
    if (!left) return
    putWorkspace(left)
    go('/')
  }
  return (
    <Dialog title={`Delete ${workspace.name}?`}>
      <p>The machine, its disk and everything said in it are gone. What was not pushed or pulled is lost.</p>
      <div class="dialog-acts">
        <button type="button" class="btn" onClick={closeSheet}>Keep it</button>
        <button type="button" class="btn danger" onClick={() => void remove()}>Delete</button>
      </div>
    </Dialog>
  )
}
