/** Editors that come by ssh: how each is told which machine and which directory. */
import { BerthError } from '@berth/wire/error'
import type { Context } from '../context.ts'
import { configure } from './configure.ts'
import { shellWord } from './render.ts'
import { meet } from './run-ssh.ts'
import type { Known } from './run-ssh.ts'
import { readyWorkspace } from './ready.ts'

const IDES = ['code', 'cursor', 'windsurf', 'zed', 'jetbrains', 'terminal'] as const
export type Ide = (typeof IDES)[number]
export interface Launch { /** What is run when it is installed; null: only the address opens it. */ readonly argv: readonly string[] | null; readonly url: string }

/** A moment to say that it cannot. */
const LAUNCH_MS = 3000

export function readIde(word: string): Ide {
  const ide = IDES.find((known) => known === word)
  if (ide !== undefined) return ide
  throw new BerthError('bad_request', `there is no editor "${word}" here`, { hint: IDES.join(', ') })
}

export function launchOf(ide: Exclude<Ide, 'terminal'>, { alias: host, user, workDir }: Pick<Known, 'alias' | 'user' | 'workDir'>): Launch {
  const path = workDir.split('/').map(encodeURIComponent).join('/')
  switch (ide) {
    case 'zed': return { argv: ['zed', `ssh://${host}${path}`], url: `zed://ssh/${host}${path}` }
    case 'jetbrains': return { argv: null, url: `jetbrains-gateway://connect#${new URLSearchParams({ type: 'ssh', deploy: 'true', host, port: '22', user, projectPath: workDir })}` }
    case 'code': return { argv: ['code', '--remote', `ssh-remote+${host}`, workDir], url: `vscode://vscode-remote/ssh-remote+${host}${path}` }
    default: return { argv: [ide, '--remote', `ssh-remote+${host}`, workDir], url: `${ide}://vscode-remote/ssh-remote+${host}${path}` }
  }
}

/** Editors read the person's own ssh configuration, so it is made to know the machine. */
export async function openEditor(context: Context, { word, start, ide }: { word: string; start: boolean; ide: Exclude<Ide, 'terminal'> }): Promise<void> {
  const { io, json } = context
  const connection = await context.connect()
  const workspace = await readyWorkspace(context, connection, { word, start, verb: 'open' })
  const { path, added } = await configure(context)
  if (added) io.note(io.noteStyle.dim(`${path} now includes your workspaces; \`berth ssh-config --remove\` takes that away`))
  const { argv, url } = launchOf(ide, await meet(context, connection, workspace))
  const command = argv === null ? url : argv.map(shellWord).join(' ')
  const opened = !json && (await launch(argv ?? (opener() === null ? ['', url] : [opener() ?? '', url])))
  if (json) return io.out(JSON.stringify({ ide, command, url }))
  if (opened) return io.out(`Opened ${workspace.name} in ${ide}.`)
  io.note(argv === null ? 'open this address where JetBrains Gateway is:' : `${ide} is not on your PATH; where it is:`)
  io.out(command)
}

function opener(): string | null {
  if (process.platform === 'darwin') return 'open'
  return process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY'] ? Bun.which('xdg-open') : null
}

async function launch([name = '', ...rest]: readonly string[]): Promise<boolean> {
  const found = name === '' ? null : Bun.which(name)
  if (found === null) return false
  const child = Bun.spawn([found, ...rest], { stdio: ['ignore', 'ignore', 'ignore'], detached: true })
  const code = await Promise.race([child.exited, Bun.sleep(LAUNCH_MS).then(() => 0)])
  child.unref()
  return code === 0
}
