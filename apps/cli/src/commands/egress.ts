import { BerthError } from '@berth/wire/error'
import { EGRESS_GROUPS, EgressMode, EgressRule, type EgressPolicy, type EgressRefusal } from '@berth/wire/egress'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'

const rule = { type: 'string', multiple: true, value: 'host' } as const

export const egress = command({
  name: 'egress',
  summary: 'Say where a workspace may go, and see where it was not let go',
  arguments: '<workspace>',
  options: {
    mode: { type: 'string', value: EgressMode.options.join(' | '), help: 'the public internet, what is listed, or nothing' },
    allow: { ...rule, help: 'let it reach this host: example.com, *.example.com, example.com:8443, @npm' },
    deny: { ...rule, help: 'refuse it this host without asking anybody' },
    forget: { ...rule, help: 'take this out of both lists' },
    log: { type: 'boolean', help: 'where it was not let go' },
  },
  notes: `A change holds at once, without a restart. With a list, a host that is not on it is asked of you like anything else the agent asks, and refused until you say yes. In each mode the workspace reaches its own server: code, models. Groups: ${Object.keys(EGRESS_GROUPS).map((name) => `@${name}`).join(', ')}.`,
  examples: ['berth egress demo', 'berth egress demo --mode allowlist --allow registry.example.com', 'berth egress demo --allow @rust --deny telemetry.example.com', 'berth egress demo --log', 'berth egress demo --mode none'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'egress')
    const [word] = positionals
    if (word === undefined) throw new BerthError('bad_request', 'which workspace?', { hint: 'berth egress <workspace>' })
    const mode = values.mode === undefined ? undefined : EgressMode.safeParse(values.mode)
    if (mode?.success === false) throw new BerthError('bad_request', `there is no mode ${String(values.mode)}`, { hint: `one of ${EgressMode.options.join(', ')}` })
    const rules = { allow: values.allow ?? [], deny: values.deny ?? [], forget: values.forget ?? [] }
    for (const one of [...rules.allow, ...rules.deny, ...rules.forget]) {
      if (!EgressRule.safeParse(one).success || (one.startsWith('@') && EGRESS_GROUPS[one.slice(1)] === undefined)) throw new BerthError('bad_request', `${cleanLine(one)} is no rule`, { hint: 'a name such as example.com, *.example.com or example.com:8443, or a group such as @npm' })
    }
    return { word, mode: mode?.data, rules, log: values.log ?? false }
  },
  async run(context, { word, mode, rules, log }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    const { id } = await resolveWorkspace(client, word, signal)
    const changes = mode !== undefined || Object.values(rules).some(({ length }) => length > 0)
    if (changes) await client.setEgress({ id, ...rules, ...(mode === undefined ? {} : { mode }) }, signal)
    const { policy, refusals } = await client.getEgress({ id }, signal)
    if (json) return io.out(JSON.stringify(log ? refusals : policy))
    if (log) return showLog(context, refusals)
    show(context, policy)
  },
})

const MODES: Readonly<Record<EgressPolicy['mode'], string>> = { open: 'the public internet; nothing private, nothing of the host', allowlist: 'what is listed; a person is asked about the rest', none: 'nowhere' }
function show({ io }: Context, { mode, allow, deny, enforced }: EgressPolicy): void {
  io.out(`${mode}: ${MODES[mode]}`)
  if (enforced === false) io.note('Nothing stands between this machine and the network: it is not kept.')
  if (mode !== 'none' && allow.length > 0) io.out(`allowed: ${allow.join(', ')}`)
  if (deny.length > 0) io.out(`denied: ${deny.join(', ')}`)
}
function showLog({ io }: Context, refusals: readonly EgressRefusal[]): void {
  if (refusals.length === 0) return io.note('It was let go wherever it wanted.')
  const [header = '', ...lines] = table([['LAST', 'HOST', 'TIMES', 'WHY'], ...refusals.map(({ lastAt, host, port, times, why }) => [new Date(lastAt).toISOString(), `${cleanLine(host, 80)}:${port}`, String(times), cleanLine(why, 100)])])
  io.out([io.style.dim(header), ...lines].join('\n'))
}
