/** The headers of an answer that hold an address: where in its value the address is. */
const ADDRESSES: readonly (readonly [string, RegExp])[] = [
  ["location", /^()(.*)()$/],
  ["content-location", /^()(.*)()$/],
  ["refresh", /^([\d.]+\s*[;,]\s*(?:url\s*=\s*)?["']?)([^"']*)(["']?)$/i],
  ["link", /(<)([^>]*)(>)/g],
];

/** Return the URL of a path at an origin. The origin's own path is put before it. */
export function urlAtOrigin(origin: URL, pathname: string): URL {
  const url = new URL(origin);
  url.pathname = basePath(origin) + pathname;
  return url;
}

/**
 * Take the origin's own path out of the headers that name it, which are the addresses of redirects
 * and links and the paths of cookies. An address at another host, or beside the path, stays.
 * @param headers The headers of the origin's response, which are changed.
 * @param site_url The URL that the visitor asked for.
 */
export function removeBasePath(headers: Headers, origin: URL, site_url: string): void {
  const base = basePath(origin);
  if (base === "") return;
  const site = new URL(site_url);
  for (const [name, place] of ADDRESSES) {
    const value = headers.get(name);
    if (value === null) continue;
    const changed = value.replace(
      place,
      (_, before, address, after) => before + addressOnSite(address, base, origin, site) + after,
    );
    headers.set(name, changed);
  }
  const cookies = headers.getSetCookie();
  headers.delete("set-cookie");
  for (const cookie of cookies) {
    const changed = cookie.replace(/(;\s*path\s*=\s*)([^;]*)/gi, (attribute, name, path) => {
      const below = pathBelow(path.trim(), base);
      return below === null ? attribute : name + below;
    });
    headers.append("set-cookie", changed);
  }
}

/** Return an address as the visitor has to follow it. */
function addressOnSite(address: string, base: string, origin: URL, site: URL): string {
  const url = URL.parse(address, origin);
  // Relative to the page that was asked for, an address is the same on the site. Browsers read a
  // backslash as a slash.
  const isRelative = !/^([a-z][a-z0-9+.-]*:|[/\\])/i.test(address);
  if (url === null || isRelative || ![origin.host, site.host].includes(url.host)) return address;
  const path = pathBelow(url.pathname, base);
  if (path === null) return address;
  const rest = path + url.search + url.hash;
  // A path that begins with two slashes would be read as the name of another host.
  return /^[/\\]/.test(address) && !rest.startsWith("//") ? rest : site.origin + rest;
}

/** Return what is left of a path below another one, or null if it is not below it. */
function pathBelow(path: string, base: string): string | null {
  if (path === base) return "/";
  return path.startsWith(`${base}/`) ? path.slice(base.length) : null;
}

/** Return an origin's own path without a slash at its end; it is empty if there is none. */
function basePath(origin: URL): string {
  return origin.pathname.replace(/\/+$/, "");
}
