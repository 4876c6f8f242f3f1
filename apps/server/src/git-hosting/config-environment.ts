/** Settings for git that travel in its environment, where no other user reads them. */
import type { RepositoryAddress } from '@berth/core'
import { basicAuthorization } from './basic-authorization.ts'

export type GitSetting = readonly [name: string, value: string]

export function configEnvironment(settings: readonly GitSetting[]): Record<string, string> {
  return { GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(settings.flatMap(([name, value], at) => [[`GIT_CONFIG_KEY_${at}`, name], [`GIT_CONFIG_VALUE_${at}`, value]])) }
}

/** Goes to that host only. */
export const credentialSetting = ({ origin }: Pick<RepositoryAddress, 'origin'>, credential: { username: string; token: string }): GitSetting =>
  [`http.${origin}/.extraHeader`, `Authorization: ${basicAuthorization(credential)}`]
