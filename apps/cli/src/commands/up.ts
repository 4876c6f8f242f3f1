import { deadlineDefaults } from '../deadline-defaults.ts'
import type { Resources } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { BerthError } from '@berth/wire/error'
import type { GitPolicyChange } from '@berth/wire/git-policy'
import { command } from '../command.ts'
import type { Connection, Context } from '../context.ts'
import { readRepositoryAccess } from '../git-access.ts'
import { openInBrowser } from '../open-in-browser.ts'
import { declarePorts, parsePort } from '../previews.ts'
import { refreshSsh } from '../refresh-ssh.ts'
import { match } from '../resolve.ts'
import { readSource, type Source } from '../source/source.ts'
import { agreeToCost, amount } from '../up/cost.ts'
import { beginFrom } from '../up/begin-from.ts'
import { createFrom } from '../up/create.ts'
import { admit, type Admitted } from '../up/login.ts'
import { showProgress } from '../up/progress.ts'
import { reachRepository, tellIdentity } from '../up/reach-repository.ts'
import { resourcesFrom } from '../up/size.ts'
import { createTimeline } from '../up/timeline.ts'
import { parseDuration } from '../words.ts'

const options = {
  provider: { type: 'string', value: 'name', help: 'where the machine runs: docker, local (see `berth provider list`)' },
  image: { type: 'string', value: 'image', help: "the machine's image, instead of the project's devcontainer or what its language suggests; `full` is ours with Node, Python, Go and Rust, `small` ours without" },
  agent: { type: 'string', value: 'kind', help: 'claude (default), claude-headless, codex, opencode, gemini, qwen, acp or plain' },
  command: { type: 'string', value: 'command', help: 'plain and acp: what to run; the others: further arguments' },
  prompt: { type: 'string', short: 'p', value: 'text', help: 'the first thing to say to the agent' },
  branch: { type: 'string', short: 'b', value: 'branch', help: 'branch or commit of the git url' },
  name: { type: 'string', short: 'n', value: 'name', help: 'a name instead of one from the repository' },
  port: { type: 'string', multiple: true, value: 'port[:label]', help: 'a port with a preview; the first is the primary one' },
  service: { type: 'string', multiple: true, value: "name='command'", help: 'a command that runs beside the agent and is started again when it ends, such as the dev server' },
  size: { type: 'string', value: 'size', help: 'small, medium, large or xlarge' },
  type: { type: 'string', value: 'size', help: 'the same as --size' },
  memory: { type: 'string', value: 'size', help: 'limit of memory, such as 4g' },
  cpus: { type: 'string', value: 'n', help: 'limit of processor cores' },
  docker: { type: 'boolean', help: 'a Docker engine of its own for `docker compose up`; with its rights, code you do not trust reaches this host' },
  sudo: { type: 'boolean', help: 'the agent may become root in its machine' },
  'auto-stop': { type: 'string', value: 'duration', help: 'stop after so much idle time, or off (default 30m)' },
  env: { type: 'string', short: 'e', multiple: true, value: 'NAME[=value]', help: 'a variable for the agent; without a value, yours. Shown as it is in logs, unless its name or value looks like a secret (NAME_KEY, NAME_TOKEN, a password in an address)' },
  secret: { type: 'string', multiple: true, value: 'NAME[=file]', help: 'a variable that is secret: its value is in a file, or in your environment, never in the command line, and masked in what is shown' },
  'env-file': { type: 'string', multiple: true, value: 'file', help: 'variables from a file of NAME=value lines, such as .env; --env and --secret win. Masked as --secret is' },
  'secret-file': { type: 'string', multiple: true, value: 'NAME=file', help: 'a secret that the workspace has as the file ~/.secrets/NAME' },
  mcp: { type: 'string', multiple: true, value: 'name=command|url', help: 'an MCP server for the agent: a command that runs in the machine, or the address of one' },
  'mcp-file': { type: 'string', multiple: true, value: 'path', help: 'MCP servers from a file with {"mcpServers": {…}}; its values become secret variables, ${NAME} is one you give by --secret' },
  'no-berth-tools': { type: 'boolean', help: "without Berth's own tools for the agent: ask_user, open_preview, report_status, request_review, notify" },
  'copy-credentials': { type: 'boolean', help: "copy the agent's login of this machine into the workspace" },
  approvals: { type: 'string', value: 'mode', help: 'ask (default), auto or skip' },
  'repo-access': { type: 'string', multiple: true, value: 'url[:read|write]', help: 'one more repository that it reaches through the server (read); see `berth git-access --help`' },
  'push-branch': { type: 'string', value: 'branch', help: 'a branch beside its own that it may push to, and not rewrite' },
  protected: { type: 'boolean', help: 'keep each push at the server, look at it, and ask you before it leaves' },
  egress: { type: 'string', value: 'mode', help: 'open (default), allowlist or none; see `berth egress --help`' },
  'allow-host': { type: 'string', multiple: true, value: 'host', help: 'with --egress allowlist: a host that it may reach, or a group such as @npm' },
  from: { type: 'string', value: 'template', help: 'begin as a template or a backup was, instead of with code from here; see `berth backup --help`' },
  ephemeral: { type: 'boolean', help: 'delete it when it is idle, instead of stopping it' },
  include: { type: 'string', multiple: true, value: 'path', help: 'send this file although it is ignored or looks like a secret' },
  'accept-no-isolation': { type: 'boolean', help: 'let the agent run with your rights where nothing can separate it' },
  'max-cost-per-hour': { type: 'string', value: 'amount', help: 'make nothing that costs more than this while it runs, such as 0.05' },
  yes: { type: 'boolean', short: 'y', help: 'answer every question with yes' },
  ide: { type: 'string', value: 'editor', help: 'open your editor on it: code, cursor, windsurf, zed, jetbrains or terminal' },
  'no-open': { type: 'boolean', help: 'do not open the browser' },
  'no-web': { type: 'boolean', help: 'no browser sees it, nobody is notified of it; see `berth web --help`' },
  wait: { type: 'string', value: 'duration', help: 'how long to wait for the agent, and for you to connect a private repository (default 30m)' },
  'no-wait': { type: 'boolean', help: 'return when the workspace is made and the code is sent' },
} as const

/** As `ssh/editors.ts` has them, which only those load who want one. */
const EDITORS = ['code', 'cursor', 'windsurf', 'zed', 'jetbrains', 'terminal']

export const up = command({
  name: 'up',
  summary: 'Give an agent a machine with your code, or wake one that sleeps',
  arguments: '[repo-url | path | workspace]',
  notes: 'A directory comes as it is: committed, staged, changed and new files; ignored ones stay home.\nNothing of yours is changed. `berth pull` brings the work back as a branch.',
  options,
  examples: ['berth up .', 'berth up https://github.com/owner/repo --prompt "fix the failing test"', 'berth up . --provider docker --size large --auto-stop 2h', 'berth up . --env ANTHROPIC_API_KEY', 'berth up . --agent codex --env OPENAI_API_KEY', 'berth up . --agent acp --command "my-agent --acp"', 'berth up . --agent plain --command "npm run dev"', 'berth up . --service dev="npm run dev" --port 3000', 'berth up . --image debian:12 --secret NPM_TOKEN=./token', 'berth up . --env-file .env --secret-file key=./key.json', 'berth up . --provider docker --docker --service stack="docker compose up"', 'berth up . --mcp docs=https://mcp.example.com/mcp --mcp-file .mcp.json --secret DOCS_TOKEN', 'berth up https://github.com/owner/repo --repo-access https://github.com/owner/shared --protected', 'berth up --from node-ready --name second', 'berth up . --ephemeral', 'berth up demo', 'berth up . --json --no-open'],
  parse({ values, positionals }) {
    if (positionals.length > 1) throw new BerthError('bad_request', `one source at a time; "${positionals[1]}" is too much`, { hint: 'quote the prompt: --prompt "…"' })
    const agent = agentFrom(values)
    const approvalMode = values.approvals ?? 'ask'
    if (approvalMode !== 'ask' && approvalMode !== 'auto' && approvalMode !== 'skip') throw new BerthError('bad_request', `there is no approval mode "${approvalMode}"`, { hint: 'ask, auto or skip' })
    if (values.ide !== undefined && !EDITORS.includes(values.ide)) throw new BerthError('bad_request', `there is no editor "${values.ide}" here`, { hint: EDITORS.join(', ') })
    return {
      argument: positionals[0] ?? '.', ports: (values.port ?? []).map((text) => parsePort(text, '--port')), services: parseServices(values.service ?? []), values, agent, approvalMode,
      egress: egressFrom(values.egress, values['allow-host']),
      resources: { ...resourcesFrom({ size: values.size ?? values.type, memory: values.memory, cpus: values.cpus }), ...extrasFrom(values) },
      autoStopMs: values['auto-stop'] === undefined ? undefined : parseDuration(values['auto-stop'], 'auto-stop'),
      maxMicrosPerHour: values['max-cost-per-hour'] === undefined ? undefined : amount(values['max-cost-per-hour'], 'max-cost-per-hour'),
      timeoutMs: values.wait === undefined ? deadlineDefaults.upWaitMs : parseDuration(values.wait, 'wait'),
    } as const
  },
  async run(context, input) {
    const login = await withMcp(input.values, context, await admit({ env: input.values.env ?? [], secret: input.values.secret ?? [], envFile: input.values['env-file'] ?? [], secretFile: input.values['secret-file'] ?? [], copyCredentials: input.values['copy-credentials'] ?? false, agent: input.agent }, context))
    if (input.values.from !== undefined) return beginFrom(context, { ...input, ...login, from: input.values.from })
    const source = await readSource(input.argument, context.cwd, context.signal)
    const connection = await context.connect()
    const existing = await existingWorkspace(context, connection, source)
    if (existing) return wake(context, connection, { id: existing, ide: input.values.ide, wait: input.values['no-wait'] !== true, timeoutMs: input.timeoutMs })
    await agreeToCost(context, connection, { provider: input.values.provider, resources: input.resources, yes: input.values.yes === true, maxMicrosPerHour: input.maxMicrosPerHour })
    const timeline = createTimeline(context.io, () => performance.now())
    try {
      const { values, agent, approvalMode, resources, autoStopMs } = input
      const yes = values.yes === true || values['accept-no-isolation'] === true
      // A word that is no workspace was refused.
      const [reached] = await Promise.all([reachRepository({ context, connection, timeline }, source as Exclude<Source, { kind: 'word' }>, { waitMs: patienceOf(context, input) }), tellIdentity(context, connection.client)])
      const workspace = await createFrom({ context, connection, timeline }, {
        source: reached, branch: values.branch, include: values.include ?? [], yes,
        request: {
          agent, approvalMode, resources, services: input.services, ...login, ...gitFrom(values),
          ...given('provider', values.provider), ...given('name', values.name), ...given('image', values.image), ...given('command', values.command), ...given('prompt', values.prompt), ...given('autoStopMs', autoStopMs), ...given('maxCostMicrosPerHour', input.maxMicrosPerHour), ...given('egress', input.egress), ...onlySaid({ web: values['no-web'], ephemeral: values.ephemeral }),
        },
      })
      await declarePorts(connection.client, workspace.id, input.ports, context.signal)
      await showProgress(context, connection, { workspace, after: 0, wait: values['no-wait'] !== true, timeoutMs: input.timeoutMs, timeline })
      await refreshSsh(context, connection)
      if (values.ide !== undefined) return await openEditorOn(context, workspace.id, values.ide)
      if (!context.json && values['no-open'] !== true && values['no-web'] !== true && context.io.interactive) await openWorkspace(context, connection, workspace.webUrl)
    } finally {
      timeline.end()
    }
  },
})

/** For a person to connect a repository: where one looks, or where it was asked for. */
const patienceOf = ({ io }: Context, { values, timeoutMs }: { values: { wait?: string | undefined; 'no-wait'?: boolean | undefined }; timeoutMs: number }): number | null => (values['no-wait'] !== true && (io.interactive || values.wait !== undefined) ? timeoutMs : null)

function onlySaid({ web, ephemeral }: { web: boolean | undefined; ephemeral: boolean | undefined }): { web?: false; ephemeral?: true } {
  return { ...(web === true ? { web: false } : {}), ...(ephemeral === true ? { ephemeral } : {}) }
}

const EGRESS = ['open', 'allowlist', 'none'] as const
function egressFrom(wanted: string | undefined, allow: string[] | undefined): { mode: (typeof EGRESS)[number]; allow: string[] } | undefined {
  const mode = EGRESS.find((known) => known === wanted)
  if (wanted !== undefined && mode === undefined) throw new BerthError('bad_request', `there is no egress "${wanted}"`, { hint: EGRESS.join(', ') })
  if (allow !== undefined && mode !== 'allowlist') throw new BerthError('bad_request', '--allow-host goes with --egress allowlist')
  return mode === undefined ? undefined : { mode, allow: allow ?? [] }
}

function extrasFrom({ docker, sudo }: { docker?: boolean | undefined; sudo?: boolean | undefined }): Pick<Resources, 'docker' | 'sudo'> {
  return { ...(docker === true ? { docker } : {}), ...(sudo === true ? { sudo } : {}) }
}

function gitFrom(values: { 'repo-access'?: string[] | undefined; 'push-branch'?: string | undefined; protected?: boolean | undefined }): { git?: GitPolicyChange } {
  const git: GitPolicyChange = {
    ...(values['repo-access'] === undefined ? {} : { repositories: values['repo-access'].map((text) => readRepositoryAccess(text)) }),
    ...(values['push-branch'] === undefined ? {} : { branch: values['push-branch'] }),
    ...(values.protected === true ? { profile: 'protected' } : {}),
  }
  return Object.keys(git).length === 0 ? {} : { git }
}

/** With the servers that come along, whose secrets are variables as the others are. */
async function withMcp(values: { mcp?: string[] | undefined; 'mcp-file'?: string[] | undefined; 'no-berth-tools'?: boolean | undefined }, { cwd }: Context, login: Admitted) {
  const { mcp: words = [], 'mcp-file': files = [], 'no-berth-tools': none = false } = values
  if (words.length === 0 && files.length === 0 && !none) return login
  const { mcp, env, exposures } = await (await import('../mcp/given-servers.ts')).givenMcp({ words, files, own: !none }, cwd)
  return { ...login, mcp, env: { ...login.env, ...env }, secretEnv: [...login.secretEnv, ...Object.keys(env)], exposures: [...login.exposures, ...exposures] }
}

function agentFrom(values: { agent?: string | undefined; command?: string | undefined }): keyof typeof AGENT_KINDS {
  const agent = values.agent ?? (values.command === undefined ? 'claude' : 'plain')
  if (!isAgent(agent)) throw new BerthError('bad_request', `there is no agent "${agent}"`, { hint: Object.keys(AGENT_KINDS).join(', ') })
  if (!AGENT_KINDS[agent].needsCommand || values.command !== undefined) return agent
  throw new BerthError('bad_request', `--agent ${agent} runs a command and was given none`, { hint: agent === 'acp' ? 'berth up --agent acp --command "my-agent --acp"' : 'berth up --agent plain --command "npm run dev"' })
}
const isAgent = (word: string): word is keyof typeof AGENT_KINDS => Object.hasOwn(AGENT_KINDS, word)

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  // One key with a value, or none at all.
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }
}

function parseServices(texts: readonly string[]): { name: string; command: string }[] {
  const services = texts.map(parseService)
  const twice = services.find(({ name }, at) => services.findIndex((other) => other.name === name) !== at)
  if (twice !== undefined) throw new BerthError('bad_request', `there are two services "${twice.name}"`, { hint: 'give each a name of its own' })
  return services
}

function parseService(text: string): { name: string; command: string } {
  const [, name, command = ''] = /^([A-Za-z0-9._-]{1,64})=(.*)$/s.exec(text) ?? []
  if (name === undefined || command.trim() === '') throw new BerthError('bad_request', `--service takes name=command, not "${text}"`, { hint: '--service dev="npm run dev"' })
  return { name, command }
}

async function existingWorkspace({ signal }: Context, { client }: Connection, source: Source): Promise<string | null> {
  if (source.kind !== 'word') return null
  const found = match(await client.listWorkspaces({}, signal), source.word)
  if (found) return found.id
  throw new BerthError('not_found', `"${source.word}" is no directory, no git url and no workspace`, { hint: '`berth list` shows workspaces; a repository needs its url: https://…, git@host:path' })
}

async function wake(context: Context, connection: Connection, start: { id: string; ide: string | undefined; wait: boolean; timeoutMs: number }): Promise<void> {
  const { client } = connection
  const workspaces = await client.listWorkspaces({}, context.signal)
  const before = workspaces.find(({ id }) => id === start.id)
  if (!before) throw new BerthError('not_found', 'the workspace is gone')
  const workspace = await client.startWorkspace({ id: before.id }, context.signal)
  await showProgress(context, connection, { workspace, after: before.tail, wait: start.wait, timeoutMs: start.timeoutMs })
  if (start.ide !== undefined) await openEditorOn(context, before.id, start.ide)
}

/** What was asked for is printed already. */
async function openEditorOn(context: Context, word: string, ide: string): Promise<void> {
  const { openIn } = await import('../ssh/open-in.ts')
  await openIn({ ...context, json: false, io: context.json ? { ...context.io, out: context.io.note } : context.io }, { word, start: false, ide })
}

async function openWorkspace(context: Context, { client }: Connection, webUrl: string): Promise<void> {
  const url = new URL(webUrl)
  const link = await client.createSignInLink({ next: url.pathname + url.search + url.hash }, context.signal)
  await openInBrowser(context, link.url)
}
