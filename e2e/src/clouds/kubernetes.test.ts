/** The capability test on Kubernetes as most clusters are: stateful sets, and pods that are `restricted`. */
import { capabilityOnKubernetes } from './kubernetes-ground.ts'

capabilityOnKubernetes({ sandboxes: false, podSecurity: 'restricted' })
