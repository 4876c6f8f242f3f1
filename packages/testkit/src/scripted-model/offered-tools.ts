/** Maps the abstract tools of a scenario to what the agent offers in this very request. */
import type { OfferedTool, ReplyBlock } from './scenario.ts'

const NAMES: Readonly<Record<string, readonly string[]>> = {
  write: ['Write', 'write', 'write_file', 'create'],
  edit: ['Edit', 'edit', 'replace'],
  bash: ['Bash', 'bash', 'run_shell_command', 'exec_command', 'shell'],
  question: ['AskUserQuestion'],
  plan: ['ExitPlanMode'],
  todo: ['TodoWrite', 'update_plan', 'todo_write'],
}
/** Our word for an argument → what agents call it, tried in this order. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  path: ['file_path', 'filePath', 'path', 'absolute_path'],
  content: ['content', 'file_text'],
  old: ['old_string', 'oldString', 'old_str'],
  new: ['new_string', 'newString', 'new_str'],
  command: ['command', 'cmd'],
}

type ToolCall = Extract<ReplyBlock, { kind: 'tool' }>
type Input = Readonly<Record<string, unknown>>

export function callOf(tools: readonly OfferedTool[], call: { tool: string; input: Input }): Pick<ToolCall, 'name' | 'input'> {
  const named = (names: readonly string[]): OfferedTool | undefined => names.map((name) => tools.find((tool) => tool.name === name)).find((tool) => tool !== undefined)
  const direct = named([...(NAMES[call.tool] ?? []), call.tool]) ?? ofServer(tools, call.tool)
  return direct !== undefined && !direct.freeform ? { name: direct.name, input: fill(direct, call.input) } : indirectCall(call, named)
}

/** `mcp:server/tool`: agents make one name of the two, each in its own way. Those that are offered only when they are searched for have the common one. */
function ofServer(tools: readonly OfferedTool[], wanted: string): OfferedTool | undefined {
  const [, server, name] = /^mcp:([^/]+)\/(.+)$/.exec(wanted) ?? []
  if (server === undefined || name === undefined) return undefined
  return tools.find((tool) => tool.name.includes(server) && tool.name.endsWith(name)) ?? { name: `mcp__${server}__${name}`, properties: [], required: [], freeform: false }
}

/** The agent has no tool for it by itself: a patch, a script or the shell does the same. */
function indirectCall(call: { tool: string; input: Input }, named: (names: readonly string[]) => OfferedTool | undefined): Pick<ToolCall, 'name' | 'input'> {
  const file = call.tool === 'write' || call.tool === 'edit' ? call.tool : null
  const patch = named(['apply_patch'])
  if (patch !== undefined && file !== null) {
    const text = patchText(file, call.input)
    return { name: 'apply_patch', input: patch.freeform ? text : { input: text } }
  }
  const code = named(['exec'])
  if (code?.freeform === true) return { name: 'exec', input: codeText(call) }
  const shell = named(NAMES['bash'] ?? [])
  if (shell !== undefined && file !== null) return { name: shell.name, input: fill(shell, { command: shellText(file, call.input) }) }
  // Nothing fits: the abstract name goes out and the agent says that it has no such tool.
  return { name: NAMES[call.tool]?.[0] ?? call.tool, input: call.input }
}

function fill(tool: OfferedTool, input: Input): Input {
  const filled: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(input)) {
    const offered = (ARGUMENTS[key] ?? []).find((name) => tool.properties.includes(name))
    filled[tool.properties.includes(key) ? key : (offered ?? key)] = value
  }
  // What some agents want said beside it.
  for (const name of ['description', 'instruction']) if (tool.required.includes(name) && filled[name] === undefined) filled[name] = 'as asked'
  return filled
}

const lines = (value: unknown, sign: string): string => String(value ?? '').split('\n').map((line) => `${sign}${line}`).join('\n')
function patchText(tool: 'write' | 'edit', input: Input): string {
  const path = String(input['path'])
  if (tool === 'write') return `*** Begin Patch\n*** Add File: ${path}\n${lines(input['content'], '+')}\n*** End Patch`
  return `*** Begin Patch\n*** Update File: ${path}\n@@\n${lines(input['old'], '-')}\n${lines(input['new'], '+')}\n*** End Patch`
}
/** Some models of one vendor drive their tools by a script. */
function codeText(call: { tool: string; input: Input }): string {
  if (call.tool === 'write' || call.tool === 'edit') return `const r = await tools.apply_patch(${JSON.stringify(patchText(call.tool, call.input))}); text(JSON.stringify(r));`
  return `const r = await tools.exec_command(${JSON.stringify({ cmd: call.input['command'] })}); text(JSON.stringify(r));`
}
const quote = (value: unknown): string => `'${String(value ?? '').replaceAll("'", `'\\''`)}'`
function shellText(tool: 'write' | 'edit', input: Input): string {
  if (tool === 'write') return `printf %s ${quote(input['content'])} > ${quote(input['path'])}`
  return `python3 - ${quote(input['path'])} ${quote(input['old'])} ${quote(input['new'])} <<'END'\nimport sys\np,o,n=sys.argv[1:]\nt=open(p).read()\nopen(p,'w').write(t.replace(o,n,1))\nEND`
}
