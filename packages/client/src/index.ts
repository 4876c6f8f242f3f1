export { request, type Endpoint } from './calls.ts'
export { createClient, type Client, type Input, type Output } from './client.ts'
export { follow, type FollowOptions } from './follow.ts'
export { createPageSocket, type PageSocket, type PageSocketOptions } from './page-socket.ts'
