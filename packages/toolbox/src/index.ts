export * from './targets.ts'
export * from './toolbox.ts'
