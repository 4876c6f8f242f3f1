/** What keeps a machine's pod: a Sandbox where the cluster has them (kubernetes-sigs/agent-sandbox), else a StatefulSet of one. */

export type WorkloadKind = 'statefulset' | 'sandbox'
export interface PatchStep { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
export interface WorkloadOf {
  readonly kind: WorkloadKind
  /** Of its kind in a namespace. */
  path(namespace: string): string
  /** `endsAt`: when the cluster takes the pod away by itself, where it can. */
  body(given: { metadata: Record<string, unknown>; name: string; selector: Readonly<Record<string, string>>; template: Record<string, unknown>; endsAt: number }): Record<string, unknown>
  on(template: Record<string, unknown>, endsAt: number): readonly PatchStep[]
  readonly off: readonly PatchStep[]
  /** Nothing where the cluster ends nothing by itself. */
  later(endsAt: number): readonly PatchStep[]
}

export const SANDBOX_GROUP = 'agents.x-k8s.io'
const SANDBOX_VERSION = `${SANDBOX_GROUP}/v1beta1`

/** As the cluster writes times: whole seconds. */
const timeOf = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
const endOf = (endsAt: number): readonly PatchStep[] => [{ op: 'add', path: '/spec/shutdownTime', value: timeOf(endsAt) }]

export const WORKLOADS: Readonly<Record<WorkloadKind, WorkloadOf>> = {
  statefulset: {
    kind: 'statefulset',
    path: (namespace) => `/apis/apps/v1/namespaces/${namespace}/statefulsets`,
    body: ({ metadata, name, selector, template }) => ({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec: { replicas: 1, serviceName: name, selector: { matchLabels: { ...selector } }, template } }),
    on: (template) => [{ op: 'replace', path: '/spec/template', value: template }, { op: 'replace', path: '/spec/replicas', value: 1 }],
    off: [{ op: 'replace', path: '/spec/replicas', value: 0 }],
    later: () => [],
  },
  sandbox: {
    kind: 'sandbox',
    path: (namespace) => `/apis/${SANDBOX_VERSION}/namespaces/${namespace}/sandboxes`,
    // `Retain`: what ends is the pod.
    body: ({ metadata, template, endsAt }) => ({ apiVersion: SANDBOX_VERSION, kind: 'Sandbox', metadata, spec: { operatingMode: 'Running', podTemplate: template, shutdownTime: timeOf(endsAt), shutdownPolicy: 'Retain' } }),
    on: (template, endsAt) => [{ op: 'replace', path: '/spec/podTemplate', value: template }, { op: 'add', path: '/spec/operatingMode', value: 'Running' }, ...endOf(endsAt)],
    off: [{ op: 'add', path: '/spec/operatingMode', value: 'Suspended' }],
    later: endOf,
  },
}
/** Served by a cluster whose Sandboxes this provider knows. */
export const servesSandboxes = (group: { readonly versions?: readonly { readonly groupVersion: string }[] } | null): boolean => group?.versions?.some(({ groupVersion }) => groupVersion === SANDBOX_VERSION) ?? false
