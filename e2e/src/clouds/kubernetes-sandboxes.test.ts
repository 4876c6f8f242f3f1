/** The capability test on Kubernetes with agent-sandbox, and pods whose daemon is another user than the agent. */
import { capabilityOnKubernetes } from './kubernetes-ground.ts'

capabilityOnKubernetes({ sandboxes: true, podSecurity: 'baseline' })
