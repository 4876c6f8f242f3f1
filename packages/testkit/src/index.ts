export * from './fake-daemons.ts'
export * from './fake-provider.ts'
export * from './test-clock.ts'
