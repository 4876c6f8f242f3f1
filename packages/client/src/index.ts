export { createClient, request, type Client, type Endpoint, type Input, type Output } from './client.ts'
export { follow, type FollowOptions } from './follow.ts'
export { createPageSocket, type PageSocket, type PageSocketOptions } from './page-socket.ts'
