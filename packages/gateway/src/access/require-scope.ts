import { InsufficientScopeError } from '../errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RouteModule } from '../http/route-module.ts';

/** Throws `InsufficientScopeError` when the caller may not use the route. Routes open to strangers have no caller to check. */
export function requireScope({ caller }: Exchange, { scope = 'inference' }: Pick<RouteModule, 'scope'>): void {
  if (scope === 'inference' || caller === undefined || caller.scope === 'admin') return;
  throw new InsufficientScopeError(caller.name);
}
