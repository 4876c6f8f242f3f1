/**
 * The providers of this server, in the order in which one is chosen when nobody says: where an engine answers, it is.
 * `<home>/providers/<name>.yaml` holds what a person set for one.
 */
import type { Provider } from '@berth/core'
import type { ProviderContext } from './context.ts'
import { docker } from './docker.ts'
import { ec2 } from './ec2.ts'
import { exec } from './exec.ts'
import { fly } from './fly.ts'
import { freestyle } from './freestyle.ts'
import { hetzner } from './hetzner.ts'
import { kubernetes } from './kubernetes.ts'
import { local } from './local.ts'
import { ssh } from './ssh.ts'
import { vm } from './vm.ts'

export type { ProviderContext } from './context.ts'

export function createProviders(context: ProviderContext): Provider[] {
  return [docker(context), local(context), vm(context), hetzner(context), ec2(context), fly(context), freestyle(context), ssh(context), kubernetes(context), exec(context)]
}
