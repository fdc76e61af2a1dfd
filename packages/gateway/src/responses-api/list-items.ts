import { z } from '@hono/zod-openapi';
import type { inputItemList } from './response-schemas.ts';
import type { StoredItem } from './store.ts';

const MAX_PAGE_ITEMS = 100;

/** Query of `GET /v1/responses/{id}/input_items`. */
export const listItemsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_ITEMS).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional().openapi({ description: 'Id of the item before the page.' }),
});

/** A page of items, the newest first unless it is asked otherwise. */
export function pageOf(
  items: readonly StoredItem[],
  { limit, order, after }: z.output<typeof listItemsQuery>,
): z.output<typeof inputItemList> {
  const ordered = order === 'asc' ? items : items.toReversed();
  const start = after === undefined ? 0 : ordered.findIndex((item) => item.id === after) + 1;
  const data = ordered.slice(start, start + limit);
  return {
    object: 'list',
    data: [...data],
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + limit < ordered.length,
  };
}
