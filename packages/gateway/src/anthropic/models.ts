import type { z } from '@hono/zod-openapi';
import type { ModelService, ServedModel } from '@pippa/core';
import type { anthropicModelInfo, anthropicModelList } from './response-schemas.ts';

export function anthropicModels(service: ModelService): z.output<typeof anthropicModelList> {
  const data = service.list().map((model) => anthropicModel(model));
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
}

export const anthropicModel = ({ name, createdMs }: ServedModel): z.output<typeof anthropicModelInfo> => ({
  type: 'model',
  id: name,
  display_name: name,
  created_at: new Date(createdMs).toISOString(),
});
