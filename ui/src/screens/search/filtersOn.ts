import { useParamsOf } from "./change";
import { useSourceNames } from "./names";
import { filtersOn, type Step, waysOut } from "./waysOut";

export function useFiltersOn(): Step[] {
  return filtersOn(useParamsOf(), useSourceNames());
}

export function useWaysOut(): Step[] {
  return waysOut(useParamsOf(), useSourceNames());
}
