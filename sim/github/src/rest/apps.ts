/** Apps, where they are installed, and the tokens they get there. */
import { reaches, Refusal } from '../model.ts'
import type { App, Installation, Level, Permissions, Token } from '../model.ts'
import { roleOf } from '../rights.ts'
import { ok, page, requireApp, requireClient, requireInstallation, requireUser } from './operation.ts'
import type { Call, Operations } from './operation.ts'

const TOKEN_LIFE_MS = 3600_000
const REPOSITORIES_LIMIT = 500

export const appOperations: Operations = {
  'apps/create-from-manifest': ({ world, shapes, path }) => {
    const found = world.manifests.get(String(path['code']))
    // Once: the key is given out here and nowhere else.
    world.manifests.delete(String(path['code']))
    if (found === undefined || found.expiresAt <= world.now()) throw new Refusal(404, 'Not Found')
    const { app, pem } = found
    return { status: 201, body: { ...shapes.app(app), client_id: app.clientId, client_secret: app.clientSecret, webhook_secret: app.webhookSecret, pem } }
  },
  'apps/get-authenticated': (call) => ok({ ...call.shapes.app(requireApp(call)), installations_count: call.world.installations.filter(({ app }) => app === requireApp(call)).length }),
  'apps/list-installations': (call) => ok(page(ofApp(call, requireApp(call)), call).map((each) => call.shapes.installation(each, each.account))),
  'apps/get-installation': (call) => ok(call.shapes.installation(installationOf(call), null)),
  'apps/delete-installation': (call) => {
    call.world.uninstall(installationOf(call))
    return NOTHING
  },
  'apps/get-repo-installation': (call) => {
    const app = requireApp(call)
    const repository = call.world.repository(`${call.path['owner']}/${call.path['repo']}`)
    const found = repository === null ? undefined : ofApp(call, app).find((each) => call.world.covers(each, repository))
    if (found === undefined) throw new Refusal(404, 'Not Found')
    return ok(call.shapes.installation(found, found.account))
  },
  'apps/create-installation-access-token': (call) => {
    const installation = installationOf(call)
    if (installation.suspendedAt !== null) throw new Refusal(403, 'This installation has been suspended')
    const repositories = chosen(call, installation)
    const permissions = { ...granted(installation, call.body['permissions'] as Permissions | undefined), metadata: 'read' as Level }
    const expiresAt = Math.floor((call.world.now() + TOKEN_LIFE_MS) / 1000) * 1000
    const token = call.world.issue({ kind: 'installation', installation, repositories: repositories === null ? null : new Set(repositories.map(({ id }) => id)), permissions, expiresAt })
    return { status: 201, body: { token, expires_at: call.shapes.time(expiresAt), permissions, repository_selection: repositories === null && installation.repositories === 'all' ? 'all' : 'selected', ...(repositories === null ? {} : { repositories: repositories.map((each) => call.shapes.repository('repository', each)) }) } }
  },
  'apps/revoke-installation-access-token': (call) => {
    requireInstallation(call)
    call.world.tokens.delete(call.credential)
    return NOTHING
  },
  'apps/list-repos-accessible-to-installation': (call) => {
    const token = requireInstallation(call)
    const all = call.world.repositories.filter((each) => call.world.covers(token.installation, each) && (token.repositories === null || token.repositories.has(each.id)))
    return ok({ total_count: all.length, repository_selection: token.installation.repositories === 'all' ? 'all' : 'selected', repositories: page(all, call).map((each) => call.shapes.repository('repository', each)) })
  },
  'apps/list-installations-for-authenticated-user': (call) => {
    const { user, app } = requireUser(call)
    const all = ofApp(call, app).filter((each) => each.account === user || call.world.repositories.some((repository) => call.world.covers(each, repository) && roleOf(repository, user) !== null))
    return ok({ total_count: all.length, installations: page(all, call).map((each) => call.shapes.installation(each, each.account)) })
  },
  'apps/list-installation-repos-for-authenticated-user': (call) => {
    const { user, app } = requireUser(call)
    const found = ofApp(call, app).find(({ id }) => id === Number(call.path['installation_id']))
    if (found === undefined) throw new Refusal(404, 'Not Found')
    const all = call.world.repositories.filter((each) => call.world.covers(found, each) && roleOf(each, user) !== null)
    return ok({ total_count: all.length, repositories: page(all, call).map((each) => call.shapes.repository('repository', each)) })
  },
  'apps/suspend-installation': (call) => {
    installationOf(call).suspendedAt ??= call.world.now()
    return NOTHING
  },
  'apps/unsuspend-installation': (call) => {
    installationOf(call).suspendedAt = null
    return NOTHING
  },
  'apps/check-token': (call) => ok(call.shapes.authorization(userTokenOf(call, 404), String(call.body['access_token']))),
  'apps/delete-token': (call) => {
    userTokenOf(call, 422)
    call.world.tokens.delete(String(call.body['access_token']))
    return NOTHING
  },
  'apps/delete-authorization': (call) => {
    const { app, user } = userTokenOf(call, 422)
    call.world.revokeAuthorization(app, user)
    return NOTHING
  },
  'apps/get-webhook-config-for-app': (call) => ok(hookOf(requireApp(call))),
  'apps/update-webhook-config-for-app': (call) => {
    const app = requireApp(call)
    const { url, secret } = call.body
    if (typeof url === 'string') app.hookUrl = url
    if (typeof secret === 'string') app.webhookSecret = secret
    return ok(hookOf(app))
  },
  'apps/list-webhook-deliveries': (call) => {
    const app = requireApp(call)
    const all = call.world.deliveries.filter((each) => each.app === app).reverse()
    const cursor = call.query['cursor'] === undefined ? null : /^v1_(\d+)$/.exec(String(call.query['cursor']))
    if (call.query['cursor'] !== undefined && cursor === null) throw new Refusal(422, 'Validation Failed')
    const size = Math.min(100, Number(call.query['per_page'] ?? 30))
    const below = cursor === null ? all : all.filter(({ id }) => id <= Number(cursor[1]))
    const rest = below[size]
    return { ...ok(below.slice(0, size).map((each) => call.shapes.delivery(each, false))), ...(rest === undefined ? {} : { next: `per_page=${size}&cursor=v1_${rest.id}` }) }
  },
  'apps/get-webhook-delivery': (call) => ok(call.shapes.delivery(deliveryOf(call), true)),
  'apps/redeliver-webhook-delivery': async (call) => {
    await call.webhooks.redeliver(deliveryOf(call))
    return { status: 202, body: {} }
  },
}

const NOTHING = { status: 204, body: null } as const
const hookOf = ({ hookUrl }: App): Record<string, string> => ({ content_type: 'json', insecure_ssl: '0', secret: '********', ...(hookUrl === null ? {} : { url: hookUrl }) })

/** Of a person who signed in with that very app. */
function userTokenOf(call: Call, refusal: number): Extract<Token, { kind: 'user' }> {
  const app = requireClient(call)
  const found = call.world.tokens.get(String(call.body['access_token']))
  if (app.clientId !== call.path['client_id']) throw new Refusal(404, 'Not Found')
  if (found?.kind !== 'user' || found.app !== app || found.expiresAt <= call.world.now()) throw new Refusal(refusal, refusal === 404 ? 'Not Found' : 'Validation Failed')
  return found
}

const ofApp = ({ world }: Call, app: App): Installation[] => world.installations.filter((each) => each.app === app)

function installationOf(call: Call): Installation {
  const found = ofApp(call, requireApp(call)).find(({ id }) => id === Number(call.path['installation_id']))
  if (found === undefined) throw new Refusal(404, 'Not Found')
  return found
}

function deliveryOf(call: Call) {
  const app = requireApp(call)
  const found = call.world.deliveries.find((each) => each.app === app && each.id === Number(call.path['delivery_id']))
  if (found === undefined) throw new Refusal(422, 'Validation Failed')
  return found
}

/** Null: all that it is installed on. */
function chosen({ world, body }: Call, installation: Installation) {
  const names = body['repositories'] as string[] | undefined
  const ids = body['repository_ids'] as number[] | undefined
  if (names === undefined && ids === undefined) return null
  const wanted = [...(names ?? []).map((name) => world.repository(`${installation.account.login}/${name}`)), ...(ids ?? []).map((id) => world.repositories.find((each) => each.id === id) ?? null)]
  const found = wanted.filter((each) => each !== null && world.covers(installation, each))
  if (wanted.length > REPOSITORIES_LIMIT || found.length !== wanted.length || found.length === 0) throw new Refusal(422, 'There is at least one repository that does not exist or is not accessible to the parent installation.')
  return found.filter((each) => each !== null)
}

function granted({ permissions }: Installation, wanted: Permissions | undefined): Permissions {
  if (wanted === undefined) return permissions
  if (Object.entries(wanted).some(([name, level]) => !reaches(permissions[name], level))) throw new Refusal(422, 'The permissions requested are not granted to this installation.')
  return wanted
}
