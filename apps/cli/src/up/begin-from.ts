/** `berth up --from`: a workspace that begins as a saved one was, with what is given here beside it. */
import type { Resources } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { Context } from '../context.ts'
import type { Admitted } from './login.ts'
import { showProgress } from './progress.ts'

interface Beginning extends Admitted {
  readonly from: string
  readonly resources: Resources
  readonly timeoutMs: number
  readonly values: { readonly [name: string]: unknown; readonly name?: string; readonly provider?: string; readonly prompt?: string; readonly ephemeral?: boolean; readonly 'accept-no-isolation'?: boolean; readonly 'no-wait'?: boolean }
}
/** The saved state says these. */
const ITS_OWN = ['agent', 'command', 'image', 'branch', 'service', 'include'] as const

export async function beginFrom(context: Context, { from, values, resources, timeoutMs, env, secretEnv, homeFiles, exposures }: Beginning): Promise<void> {
  const twice = ITS_OWN.find((name) => values[name] !== undefined)
  if (twice !== undefined) throw new BerthError('bad_request', `--${twice} does not go with --from: that is as it was saved`, { hint: 'leave one of the two out' })
  const connection = await context.connect()
  const workspace = await connection.client.restoreSaved({
    ref: from, env, secretEnv, homeFiles, exposures, ephemeral: values.ephemeral === true, acceptNoIsolation: values['accept-no-isolation'] === true, idempotencyKey: crypto.randomUUID(),
    ...(Object.keys(resources).length === 0 ? {} : { resources }), ...(values.name === undefined ? {} : { name: values.name }), ...(values.provider === undefined ? {} : { provider: values.provider }), ...(values.prompt === undefined ? {} : { prompt: values.prompt }),
  }, context.signal)
  await showProgress(context, connection, { workspace, after: 0, wait: values['no-wait'] !== true, timeoutMs })
}
