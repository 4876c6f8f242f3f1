export { createClient, request, type Client, type Endpoint, type Input, type Output } from './client.ts'
export { follow, type FollowOptions } from './follow.ts'
