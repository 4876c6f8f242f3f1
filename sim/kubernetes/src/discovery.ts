/** What the cluster says of itself: versions, groups, resources, and the little of OpenAPI that decides how kubectl validates. */
import { groupVersionOf, VERBS } from './resources.ts'
import type { Resource } from './resources.ts'

type Body = Record<string, unknown>

export function discovered(resources: readonly Resource[], pathname: string): Body | null {
  if (pathname === '/version') return { major: '1', minor: '34', gitVersion: 'v1.34.0-sim', gitCommit: '', gitTreeState: 'clean', buildDate: '1970-01-01T00:00:00Z', goVersion: '', compiler: '', platform: 'linux/amd64' }
  if (pathname === '/api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
  if (pathname === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupsOf(resources).map((group) => groupOf(resources, group)) }
  if (pathname === '/openapi/v3') return { paths: Object.fromEntries([...new Set(resources.map(rootOf))].map((root) => [root, { serverRelativeURL: `/openapi/v3/${root}` }])) }
  const described = /^\/openapi\/v3\/(.+)$/.exec(pathname)?.[1]
  if (described !== undefined) return openapi(resources.filter((resource) => rootOf(resource) === described))
  const [, group, version] = /^\/apis\/([^/]+)(?:\/([^/]+))?$/.exec(pathname) ?? []
  if (pathname === '/api/v1') return listOf(resources, 'v1')
  if (group === undefined || !groupsOf(resources).includes(group)) return null
  return version === undefined ? { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(resources, group) } : listOf(resources, `${group}/${version}`)
}

const groupsOf = (resources: readonly Resource[]): string[] => [...new Set(resources.map(({ group }) => group))].filter((group) => group !== '')
const rootOf = (resource: Resource): string => (resource.group === '' ? 'api/v1' : `apis/${groupVersionOf(resource)}`)

function groupOf(resources: readonly Resource[], name: string): Body {
  const versions = [...new Set(resources.filter(({ group }) => group === name).map((resource) => resource.version))].map((version) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions, preferredVersion: versions[0] }
}

function listOf(all: readonly Resource[], groupVersion: string): Body | null {
  const mine = all.filter((resource) => groupVersionOf(resource) === groupVersion)
  if (mine.length === 0) return null
  const resources = mine.flatMap(({ plural, kind, namespaced, shortNames, subresources, review }) => [
    { name: plural, singularName: kind.toLowerCase(), namespaced, kind, verbs: review === true ? ['create'] : [...VERBS], shortNames },
    ...subresources.map((name) => ({ name: `${plural}/${name}`, singularName: '', namespaced, kind, verbs: name === 'log' ? ['get'] : ['get', 'patch', 'update'] })),
  ])
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources }
}

/** That a server validates fields itself is seen by a parameter of PATCH. */
function openapi(resources: readonly Resource[]): Body {
  const paths = resources.filter(({ review }) => review !== true).map((resource) => {
    const { group, version, kind, plural, namespaced } = resource
    return [`/${rootOf(resource)}/${namespaced ? 'namespaces/{namespace}/' : ''}${plural}/{name}`, { patch: { parameters: [{ name: 'fieldValidation', in: 'query', schema: { type: 'string' } }], 'x-kubernetes-action': 'patch', 'x-kubernetes-group-version-kind': { group, version, kind }, responses: {} } }]
  })
  return { openapi: '3.0.0', info: { title: 'sim', version: 'v1.34.0' }, paths: Object.fromEntries(paths), components: {} }
}
