/** The capability test on the providers of this computer. */
import { capabilityOn } from './capability-steps.ts'
import { dockerInventory, modelHost, setUpProviders } from './providers.ts'

for (const provider of ['local', 'docker'] as const) {
  capabilityOn({ provider, modelHost: modelHost(provider), setUp: setUpProviders, inventory: dockerInventory })
}
