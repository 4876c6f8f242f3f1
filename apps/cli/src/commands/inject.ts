import { BerthError } from '@berth/wire/error'
import { InjectionName, type InjectionHow } from '@berth/wire/egress'
import { atMost, command } from '../command.ts'
import { table } from '../io.ts'
import { secretFromInput } from '../secret-input.ts'

const VERBS = ['list', 'add', 'remove'] as const
const HEADER = 'Authorization'

export const inject = command({
  name: 'inject',
  summary: 'Put a secret into requests of workspaces to one host, which none of them sees',
  arguments: '[list | add <name> | remove <name>]',
  options: {
    host: { type: 'string', value: 'host', help: 'where it goes, over TLS, and nowhere else' },
    header: { type: 'string', value: 'name', help: `the header that holds it (${HEADER})` },
    template: { type: 'string', value: 'text', help: 'what stands in the header, with {secret} in its place ("Bearer {secret}")' },
    'aws-key': { type: 'string', value: 'id', help: 'sign requests for AWS with this access key; the secret is its other half' },
    region: { type: 'string', value: 'region', help: 'of AWS' },
    service: { type: 'string', value: 'service', help: 'of AWS, such as s3' },
  },
  notes: 'The secret is read from standard input and never given back. Inside, $BERTH_INJECT_<NAME> is the address that leads there; npm and pip find theirs under the names npm and pypi by themselves. An answer that repeats the secret has stars in its place; the host itself knows it, so name only hosts that you trust with it.',
  examples: ['berth inject add npm --host npm.example.com < token.txt', 'berth inject add pypi --host pypi.example.com --template "Basic {secret}" < base64.txt', 'berth inject add store --host bucket.s3.eu-central-1.amazonaws.com --aws-key AKIAEXAMPLE --region eu-central-1 --service s3 < secret.txt', 'berth inject', 'berth inject remove npm'],
  parse({ values, positionals }) {
    atMost(2, positionals, 'inject')
    const [word = 'list', name] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `inject has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    if (verb !== 'list' && !InjectionName.safeParse(name).success) throw new BerthError('bad_request', name === undefined ? 'under which name?' : 'a name has lower-case letters, digits and dashes', { hint: `berth inject ${verb} npm` })
    if (verb === 'add' && values.host === undefined) throw new BerthError('bad_request', 'to which host?', { hint: '--host npm.example.com' })
    return { verb, name: name ?? '', host: values.host ?? '', how: howIn(values) }
  },
  async run({ io, json, signal, connect }, { verb, name, host, how }) {
    const { client } = await connect()
    if (verb === 'list') {
      const all = await client.listInjections(signal)
      if (json) return io.out(JSON.stringify(all))
      if (all.length === 0) return io.note('Nothing is put into requests.')
      const [header = '', ...lines] = table([['NAME', 'HOST', 'HOW', 'LAST USED'], ...all.map((one) => [one.name, one.host, one.how.kind === 'aws' ? `signed for ${one.how.service} in ${one.how.region}` : one.how.header, one.lastUsedAt === null ? 'never' : new Date(one.lastUsedAt).toISOString()])])
      return io.out([io.style.dim(header), ...lines].join('\n'))
    }
    if (verb === 'remove') {
      const result = await client.removeInjection({ name }, signal)
      if (!result.removed) throw new BerthError('not_found', `there is nothing under the name ${name}`, { hint: '`berth inject` lists them' })
      return io.out(json ? JSON.stringify(result) : `Forgot ${name}.`)
    }
    const kept = await client.putInjection({ name, host, how, secret: await secretFromInput(io, 'secret', `berth inject add ${name} --host ${host} < secret.txt`) }, signal)
    io.out(json ? JSON.stringify(kept) : `Kept; requests to ${kept.host} get it on the way, under $BERTH_INJECT_${name.toUpperCase().replaceAll('-', '_')}.`)
  },
})

function howIn({ region, service, header, template, 'aws-key': accessKeyId }: { region?: string | undefined; service?: string | undefined; header?: string | undefined; template?: string | undefined; 'aws-key'?: string | undefined }): InjectionHow {
  if (accessKeyId === undefined) return { kind: 'header', header: header ?? HEADER, template: template ?? (header === undefined ? 'Bearer {secret}' : '{secret}') }
  if (region === undefined || service === undefined) throw new BerthError('bad_request', 'AWS wants --region and --service')
  return { kind: 'aws', accessKeyId, region, service }
}
