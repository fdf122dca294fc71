/** Copy a response that has opened a websocket, with other headers. Any other response is null. */
export function copyWebsocket({ webSocket }: Response, headers: Headers): Response | null {
  return webSocket ? new Response(null, { status: 101, webSocket, headers }) : null;
}
