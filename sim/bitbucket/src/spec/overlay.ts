/** Where Bitbucket by its own words differs from the forms it publishes. Each has its reason; what has none is a fault of ours. */
import type { Overlay } from '@berth/sim-spec'

const pages = { page: { type: 'integer' }, pagelen: { type: 'integer' } }
const PAGES = 'pages are described for all lists at once, in "Pagination"'
const states = { type: 'array', items: { type: 'string', enum: ['OPEN', 'MERGED', 'DECLINED', 'SUPERSEDED'] } }
export const OVERLAYS: readonly Overlay[] = [
  { operation: 'listPullRequests', reason: `the words say that the state may be repeated and that the list is filtered and sorted; ${PAGES}`, query: { ...pages, state: states, q: { type: 'string' }, sort: { type: 'string' } } },
  { operation: 'createPullRequest', reason: 'the words name `description` among the fields of a new one', body: { description: { type: 'string' } } },
  { operation: 'listBranches', reason: PAGES, query: pages },
  { operation: 'listStatuses', reason: PAGES, query: pages },
]
