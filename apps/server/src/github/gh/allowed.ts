/**
 * What of GitHub's API a workspace may ask: what its command line asks about the one repository. Decided by the parsed
 * document, never by its text: fields by their real names wherever an alias or a fragment puts them, arguments by what
 * they are after variables are put in. Pure.
 */
import { Kind, parse } from 'graphql'
import type { DocumentNode, FieldNode, FragmentDefinitionNode, OperationDefinitionNode, SelectionSetNode, ValueNode } from 'graphql'

export type Verdict =
  | { readonly do: 'query'; readonly name: string; /** Ids of pull requests that must be of the repository. */ readonly nodes: readonly string[] }
  | { readonly do: 'create'; readonly input: Readonly<Record<string, unknown>> }
  | { readonly do: 'refuse'; readonly reason: string }
export interface OwnRepository { readonly owner: string; readonly name: string }

/** The largest that the command line sends has 4 KB. */
const QUERY_LIMIT = 20_000
const DEPTH_LIMIT = 16
/** Fragments may name fragments: what they come to together. */
const FIELDS_LIMIT = 1500
const TOKENS_LIMIT = 5000

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))
/** Below a repository. Nothing among them leads to its other repositories, its people's, or what belongs to nobody's pull request. */
const FIELDS = words(`
  __typename id number title body bodyText state url createdAt updatedAt closedAt mergedAt description name nameWithOwner login owner
  isPrivate isFork isArchived isDraft isCrossRepository isMinimized minimizedReason isRequired hasIssuesEnabled hasWikiEnabled visibility
  viewerPermission viewerDidAuthor viewerCanUpdate mergeCommitAllowed rebaseMergeAllowed squashMergeAllowed deleteBranchOnMerge defaultBranchRef baseRef
  branchProtectionRule requiresStrictStatusChecks requiredApprovingReviewCount strict
  pullRequest pullRequests nodes edges node cursor pageInfo hasNextPage hasPreviousPage endCursor startCursor totalCount
  baseRefName headRefName headRefOid baseRefOid headRepository headRepositoryOwner maintainerCanModify mergeable mergeStateStatus potentialMergeCommit mergeCommit mergedBy
  additions deletions changedFiles files path author authorAssociation authoredDate committedDate messageHeadline messageBody authors email user
  commits commit oid statusCheckRollup contexts context targetUrl status conclusion startedAt completedAt detailsUrl checkSuite workflowRun workflow
  reviews latestReviews reviewDecision reviewRequests requestedReviewer submittedAt slug organization comments includesCreatedEdit reactionGroups content users
  assignees labels color milestone dueOn closed closedBy autoMergeRequest enabledAt enabledBy mergeMethod commitHeadline commitBody projectCards project column
  checkRunCount checkRunCountsByState statusContextCount statusContextCountsByState count event`)
/** Roots of their own: only directly below the repository. */
const AT_REPOSITORY = new Set(['pullRequest', 'pullRequests', 'defaultBranchRef', 'parent'])
const ONLY_BELOW = new Set(['pullRequest', 'pullRequests', 'parent'])
const PARENT_FIELDS = words('__typename id name owner login nameWithOwner hasIssuesEnabled hasWikiEnabled description viewerPermission defaultBranchRef isPrivate mergeCommitAllowed')
const VIEWER_FIELDS = new Set(['login', '__typename', 'id'])
const TYPES = words('Repository PullRequest User Bot Organization Mannequin EnterpriseUserAccount Team StatusContext CheckRun Commit Query')
const INPUT_FIELDS = new Set(['repositoryId', 'baseRefName', 'headRefName', 'title', 'body', 'draft', 'maintainerCanModify', 'clientMutationId', 'headRepositoryId'])
const CREATED_FIELDS = words('pullRequest id url number title state __typename')
/** What the command line asks to know which of its own words the host understands. */
const INTROSPECTION = words('__type name fields args enumValues type kind ofType inputFields __typename')

class Refused extends Error {}
const refuse = (reason: string): never => { throw new Refused(reason) }

/** `given`: the body, as it was parsed. */
export function judge(given: unknown, own: OwnRepository): Verdict {
  try {
    return judged(given, own)
  } catch (error) {
    if (error instanceof Refused) return { do: 'refuse', reason: error.message }
    throw error
  }
}

interface Walk { readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>; readonly variables: Readonly<Record<string, unknown>>; readonly defaults: ReadonlyMap<string, ValueNode>; counted: number }

function judged(given: unknown, own: OwnRepository): Verdict {
  const { document, variables, operationName } = requestOf(given)
  const operations = document.definitions.filter((one): one is OperationDefinitionNode => one.kind === Kind.OPERATION_DEFINITION)
  const fragments = document.definitions.filter((one): one is FragmentDefinitionNode => one.kind === Kind.FRAGMENT_DEFINITION)
  const [operation] = operations
  if (operation === undefined || operations.length !== 1 || operations.length + fragments.length !== document.definitions.length) return refuse('one operation at a time')
  if (operationName !== undefined && operationName !== operation.name?.value) return refuse('one operation at a time')
  const walk: Walk = { fragments: new Map(fragments.map((one) => [one.name.value, one])), variables, defaults: new Map((operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) => (defaultValue === undefined ? [] : [[variable.name.value, defaultValue] as const]))), counted: 0 }
  noDirectives(operation)
  const roots = fieldsOf(operation.selectionSet, walk, 0)
  if (operation.operation === 'mutation') return mutation(roots, walk)
  if (operation.operation !== 'query') return refuse('only queries, and opening a pull request')
  const nodes = roots.flatMap((root) => queried(root, walk, own))
  return { do: 'query', name: operation.name?.value.slice(0, 60) ?? 'query', nodes }
}

function requestOf(given: unknown): { document: DocumentNode; variables: Record<string, unknown>; operationName: string | undefined } {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return refuse('one operation at a time')
  const { query, variables, operationName, ...rest } = given as Record<string, unknown>
  if (typeof query !== 'string' || query.length > QUERY_LIMIT || Object.keys(rest).length > 0) return refuse('this is no query of the command line')
  if (!(operationName === undefined || operationName === null || typeof operationName === 'string')) return refuse('this is no query of the command line')
  return { document: read(query), variables: variablesOf(variables), operationName: operationName === null || operationName === '' ? undefined : operationName }
}

function variablesOf(given: unknown): Record<string, unknown> {
  if (given === undefined || given === null) return {}
  return typeof given === 'object' && !Array.isArray(given) ? { ...given } : refuse('this is no query of the command line')
}

function read(query: string): DocumentNode {
  try {
    return parse(query, { noLocation: true, maxTokens: TOKENS_LIMIT })
  } catch {
    return refuse('the query cannot be read')
  }
}

function queried(root: FieldNode, walk: Walk, own: OwnRepository): string[] {
  const name = root.name.value
  if (name === '__typename') return []
  if (name === '__type') {
    only(root, walk, INTROSPECTION)
    return []
  }
  if (name === 'viewer') {
    only(root, walk, VIEWER_FIELDS)
    return []
  }
  if (name === 'repository') {
    const { owner, name: wanted, ...rest } = argumentsOf(root, walk)
    if (Object.keys(rest).some((key) => key !== 'followRenames') || !same(owner, own.owner) || !same(wanted, own.name)) return refuse(`only ${own.owner}/${own.name} is reached from this workspace`)
    below(root, walk, { depth: 1, atRepository: true })
    return []
  }
  if (name !== 'node') return refuse(`\`${name}\` is not reached from a workspace`)
  const { id, ...rest } = argumentsOf(root, walk)
  if (typeof id !== 'string' || id.length > 200 || Object.keys(rest).length > 0) return refuse('which pull request?')
  below(root, walk, { depth: 1, atRepository: false })
  return [id]
}

function mutation(roots: readonly FieldNode[], walk: Walk): Verdict {
  const [root] = roots
  if (root === undefined || roots.length !== 1 || root.name.value !== 'createPullRequest') return refuse('of what changes something, only opening a pull request')
  const { input, ...rest } = argumentsOf(root, walk)
  if (typeof input !== 'object' || input === null || Array.isArray(input) || Object.keys(rest).length > 0) return refuse('which pull request?')
  const unknown = Object.keys(input).find((key) => !INPUT_FIELDS.has(key))
  if (unknown !== undefined) return refuse(`\`${unknown.slice(0, 40)}\` is not given to a pull request here`)
  only(root, walk, CREATED_FIELDS)
  return { do: 'create', input: input as Record<string, unknown> }
}

function below(field: FieldNode, walk: Walk, { depth, atRepository }: { depth: number; atRepository: boolean }): void {
  for (const one of fieldsOf(field.selectionSet, walk, depth)) {
    const name = one.name.value
    if (atRepository && name === 'parent') only(one, walk, PARENT_FIELDS)
    else if ((ONLY_BELOW.has(name) && !atRepository) || !(FIELDS.has(name) || (atRepository && AT_REPOSITORY.has(name)))) refuse(`\`${name.slice(0, 60)}\` is not read from a workspace`)
    else below(one, walk, { depth: depth + 1, atRepository: false })
  }
}

/** These fields, at any depth. */
function only(field: FieldNode, walk: Walk, allowed: ReadonlySet<string>, depth = 1): void {
  for (const one of fieldsOf(field.selectionSet, walk, depth)) {
    if (!allowed.has(one.name.value)) refuse(`\`${one.name.value.slice(0, 60)}\` is not read from a workspace`)
    only(one, walk, allowed, depth + 1)
  }
}

/** With those of its fragments, wherever they are written. */
function fieldsOf(set: SelectionSetNode | undefined, walk: Walk, depth: number, open: readonly string[] = []): FieldNode[] {
  if (set === undefined) return []
  if (depth + open.length > DEPTH_LIMIT) return refuse('the query is too deep')
  return set.selections.flatMap((selection) => {
    if (++walk.counted > FIELDS_LIMIT) return refuse('the query is too large')
    noDirectives(selection)
    if (selection.kind === Kind.FIELD) return [selection]
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : (walk.fragments.get(selection.name.value) ?? refuse('a fragment is missing'))
    const label = selection.kind === Kind.FRAGMENT_SPREAD ? selection.name.value : ''
    if (label !== '' && open.includes(label)) return refuse('a fragment holds itself')
    noDirectives(fragment)
    const type = fragment.typeCondition?.name.value
    if (type !== undefined && !TYPES.has(type)) return refuse(`\`${type.slice(0, 60)}\` is not read from a workspace`)
    return fieldsOf(fragment.selectionSet, walk, depth, [...open, label])
  })
}

function noDirectives({ directives }: { readonly directives?: readonly unknown[] | undefined }): void {
  if (directives !== undefined && directives.length > 0) refuse('directives are not taken')
}

function argumentsOf(field: FieldNode, walk: Walk): Record<string, unknown> {
  const given: Record<string, unknown> = Object.create(null)
  for (const { name, value } of field.arguments ?? []) {
    if (name.value in given) refuse('an argument is given twice')
    given[name.value] = valueOf(value, walk)
  }
  return given
}

function valueOf(node: ValueNode, walk: Walk): unknown {
  switch (node.kind) {
    case Kind.VARIABLE: {
      const name = node.name.value
      if (Object.hasOwn(walk.variables, name)) return walk.variables[name]
      const fallback = walk.defaults.get(name)
      return fallback === undefined ? undefined : valueOf(fallback, walk)
    }
    case Kind.OBJECT: return Object.fromEntries(node.fields.map(({ name, value }) => [name.value, valueOf(value, walk)]))
    case Kind.LIST: return node.values.map((value) => valueOf(value, walk))
    case Kind.NULL: return null
    case Kind.INT: case Kind.FLOAT: return Number(node.value)
    default: return node.value
  }
}

const same = (given: unknown, wanted: string): boolean => typeof given === 'string' && given.toLowerCase() === wanted.toLowerCase()

/** Reading, below the one repository; null: not allowed. Paths of another form, with escapes or dots, are none of these. */
export function restAllowed(method: string, pathname: string, own: OwnRepository): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  const [, owner = '', name = '', rest = ''] = /^\/repos\/([A-Za-z0-9._-]+)\/([A-Za-z0-9._-]+)((?:\/[A-Za-z0-9._/-]*)?)$/.exec(pathname) ?? []
  if (!same(owner, own.owner) || !same(name, own.name) || rest.includes('..') || rest.includes('//')) return false
  return rest === '' || REST.some((form) => form.test(rest))
}
const REST = [/^\/readme$/, /^\/pulls$/, /^\/pulls\/\d{1,10}(\/(files|commits|reviews|comments))?$/, /^\/commits\/[A-Za-z0-9._/-]{1,200}\/(check-runs|status)$/, /^\/branches\/[A-Za-z0-9._/-]{1,200}$/]
