/** The part of the contract about people and what lets them in. */
import { implement } from '@orpc/server'
import { BerthError } from '@berth/wire'
import { peopleApi } from '@berth/wire/people'
import { answerDeviceLogin, beginDeviceLogin, getDeviceLogin, pollDeviceLogin } from '../access/device-login.ts'
import type { DeviceLoginDeps } from '../access/device-login.ts'
import { changeMe, chooseOrganisation, createToken, grantWorkspace, invite, listTokens, listWorkspacePeople, me, removePerson, revokeInvitation, revokeToken, setRole, signOut, signOutEverywhere } from '../access/people.ts'
import type { PeopleDeps } from '../access/people.ts'
import type { Pace } from '../sign-in/pace.ts'
import { addPasskey, beginPasskey } from '../sign-in/passkey.ts'
import type { PasskeyDeps } from '../sign-in/passkey.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export interface PeopleApiDeps extends PeopleDeps, DeviceLoginDeps, PasskeyDeps {
  readonly store: PeopleDeps['store'] & DeviceLoginDeps['store'] & PasskeyDeps['store']
  /** Of those who have no credential, by their address. */
  readonly pace: Pace
}

export function peopleRouter(deps: PeopleApiDeps) {
  const os = implement(peopleApi).$context<ApiContext>()
  const known = os.use(signedIn)
  return {
    me: known.me.handler(({ context }) => me(deps, context.caller)),
    changeMe: known.changeMe.handler(({ input, context }) => changeMe(deps, context.caller, input.name)),
    chooseOrganisation: known.chooseOrganisation.handler(({ input, context }) => chooseOrganisation(deps, context.caller, input.orgId)),
    createOrganisation: known.createOrganisation.handler(({ input, context }) => deps.store.people.createOrganisation(input.name, context.caller.userId, deps.clock.now())),
    listPeople: known.listPeople.handler(({ context }) => deps.store.people.list(context.caller.orgId)),
    setRole: known.setRole.handler(({ input, context }) => setRole(deps, context.caller, input)),
    removePerson: known.removePerson.handler(({ input, context }) => removePerson(deps, context.caller, input.userId)),
    listInvitations: known.listInvitations.handler(({ context }) => deps.store.people.invitations(context.caller.orgId, deps.clock.now())),
    invite: known.invite.handler(({ input, context }) => invite(deps, context.caller, input)),
    revokeInvitation: known.revokeInvitation.handler(({ input, context }) => revokeInvitation(deps, context.caller, input.invitationId)),
    listWorkspacePeople: known.listWorkspacePeople.handler(({ input }) => listWorkspacePeople(deps, input.id)),
    grantWorkspace: known.grantWorkspace.handler(({ input, context }) => grantWorkspace(deps, context.caller, input)),
    listTokens: known.listTokens.handler(({ context }) => listTokens(deps, context.caller)),
    createToken: known.createToken.handler(({ input, context }) => createToken(deps, context.caller, input)),
    revokeToken: known.revokeToken.handler(({ input, context }) => revokeToken(deps, context.caller, input.id)),
    signOut: known.signOut.handler(({ context }) => signOut(deps, context.caller)),
    signOutEverywhere: known.signOutEverywhere.handler(({ input, context }) => signOutEverywhere(deps, context.caller, input)),
    listPasskeys: known.listPasskeys.handler(async ({ context }) => (await deps.store.passkeys.list(context.caller.userId)).map(({ id, name, addedAt, lastUsedAt }) => ({ id, name, addedAt, lastUsedAt }))),
    beginPasskey: known.beginPasskey.handler(({ context }) => beginPasskey(deps, context.caller)),
    addPasskey: known.addPasskey.handler(({ input, context }) => addPasskey(deps, context.caller, input)),
    removePasskey: known.removePasskey.handler(async ({ input, context }) => ({ removed: await deps.store.passkeys.remove(input.id, context.caller.userId) })),
    beginDeviceLogin: os.beginDeviceLogin.handler(({ input, context }) => {
      slowDown(deps.pace, `begin ${context.address}`)
      return beginDeviceLogin(deps, { name: input.name, address: context.address })
    }),
    pollDeviceLogin: os.pollDeviceLogin.handler(({ input, context }) => {
      slowDown(deps.pace, `poll ${context.address}`)
      return pollDeviceLogin(deps, input.deviceCode)
    }),
    getDeviceLogin: known.getDeviceLogin.handler(({ input, context }) => {
      // Somebody who guesses codes of others' programs is signed in, so it is their own pace.
      slowDown(deps.pace, `code ${context.caller.userId}`)
      return getDeviceLogin(deps, input.userCode)
    }),
    answerDeviceLogin: known.answerDeviceLogin.handler(({ input, context }) => {
      slowDown(deps.pace, `code ${context.caller.userId}`)
      return answerDeviceLogin(deps, context.caller, input)
    }),
  }
}

function slowDown(pace: Pace, key: string): void {
  if (!pace.allows(key)) throw new BerthError('too_many', 'too many attempts', { hint: 'wait a minute' })
}
