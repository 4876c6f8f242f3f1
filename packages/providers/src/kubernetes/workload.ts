/** What keeps a machine's pod: a Sandbox where the cluster has them (kubernetes-sigs/agent-sandbox), else a StatefulSet of one. */

export type WorkloadKind = 'statefulset' | 'sandbox'
export interface PatchStep { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
export interface WorkloadOf {
  readonly kind: WorkloadKind
  /** Of its kind in a namespace. */
  path(namespace: string): string
  body(given: { metadata: Record<string, unknown>; name: string; selector: Readonly<Record<string, string>>; template: Record<string, unknown> }): Record<string, unknown>
  on(template: Record<string, unknown>): readonly PatchStep[]
  readonly off: readonly PatchStep[]
}

export const SANDBOX_GROUP = 'agents.x-k8s.io'
const SANDBOX_VERSION = `${SANDBOX_GROUP}/v1beta1`

export const WORKLOADS: Readonly<Record<WorkloadKind, WorkloadOf>> = {
  statefulset: {
    kind: 'statefulset',
    path: (namespace) => `/apis/apps/v1/namespaces/${namespace}/statefulsets`,
    body: ({ metadata, name, selector, template }) => ({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec: { replicas: 1, serviceName: name, selector: { matchLabels: { ...selector } }, template } }),
    on: (template) => [{ op: 'replace', path: '/spec/template', value: template }, { op: 'replace', path: '/spec/replicas', value: 1 }],
    off: [{ op: 'replace', path: '/spec/replicas', value: 0 }],
  },
  sandbox: {
    kind: 'sandbox',
    path: (namespace) => `/apis/${SANDBOX_VERSION}/namespaces/${namespace}/sandboxes`,
    body: ({ metadata, template }) => ({ apiVersion: SANDBOX_VERSION, kind: 'Sandbox', metadata, spec: { operatingMode: 'Running', podTemplate: template } }),
    on: (template) => [{ op: 'replace', path: '/spec/podTemplate', value: template }, { op: 'add', path: '/spec/operatingMode', value: 'Running' }],
    off: [{ op: 'add', path: '/spec/operatingMode', value: 'Suspended' }],
  },
}
/** Served by a cluster whose Sandboxes this provider knows. */
export const servesSandboxes = (group: { readonly versions?: readonly { readonly groupVersion: string }[] } | null): boolean => group?.versions?.some(({ groupVersion }) => groupVersion === SANDBOX_VERSION) ?? false
