/**
 * The steps of bringing a workspace up, in their order, and what people read. The server takes the first four, the
 * daemon the others. No run-time dependencies.
 */
export const STEP_TITLES = {
  toolbox: 'Fetch the agent',
  image: 'Prepare the image',
  machine: 'Make the machine',
  dial: 'Connect to the machine',
  code: 'Get the code',
  setup: 'Set up the home',
  agent: 'Start the agent',
  services: 'Start the services',
} as const satisfies Record<string, string>
export type StepName = keyof typeof STEP_TITLES
