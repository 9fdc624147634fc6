/** A long list read in windows: only the windows that the reader sees are asked for, and the total is the server's. */
import { keepPreviousData, useQueries, useQuery, type Query } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { whileRead, type ListSource } from "./queries";

export const windowSize = 100;

export interface Windows<T> {
  total: number;
  get: (index: number) => T | undefined;
  /** Tells which rows are on screen, first and last included. */
  show: (first: number, last: number) => void;
  isPending: boolean;
  /** The rows shown belong to the question before; the answer is on its way. */
  isUpdating: boolean;
  error: Error | null;
  retry: () => void;
}

/** Returns the numbers of the windows, except the first, that hold rows `first` to `last`. */
export function windowsOf(first: number, last: number, total: number): number[] {
  const from = Math.max(1, Math.floor(first / windowSize));
  const to = Math.min(Math.floor(Math.max(0, total - 1) / windowSize), Math.floor(last / windowSize));
  return to < from ? [] : Array.from({ length: to - from + 1 }, (_, step) => from + step);
}

/** Reads a list by windows of a hundred. */
export function useWindows<T>(source: ListSource<T>): Windows<T> {
  const [range, setRange] = useState<[number, number]>([0, 0]);
  const ask = (number: number) => ({
    queryKey: [...source.key, number],
    queryFn: ({ signal }: { signal: AbortSignal }) => source.fetch({ limit: windowSize, offset: number * windowSize }, signal),
    refetchInterval: ({ state }: Query<{ total: number; items: T[] }>) => whileRead(source.isUnsettled !== undefined && state.data?.items.some(source.isUnsettled) === true, state.dataUpdateCount),
  });
  const head = useQuery({ ...ask(0), placeholderData: keepPreviousData });
  const total = head.data?.total ?? 0;
  const numbers = head.isPlaceholderData ? [] : windowsOf(range[0], range[1], total);
  const rest = useQueries({ queries: numbers.map(ask) });
  const byNumber = new Map<number, T[]>();
  if (head.data !== undefined) byNumber.set(0, head.data.items);
  numbers.forEach((number, index) => {
    const data = rest[index]?.data;
    if (data !== undefined) byNumber.set(number, data.items);
  });
  const get = (index: number) => byNumber.get(Math.floor(index / windowSize))?.[index % windowSize];
  const show = useCallback((first: number, last: number) => setRange((old) => (old[0] === first && old[1] === last ? old : [first, last])), []);
  const failed = rest.find((one) => one.isError);
  return {
    total, get, show,
    isPending: head.isPending,
    isUpdating: head.isPlaceholderData || (head.isFetching && !head.isPending),
    error: head.error ?? failed?.error ?? null,
    retry: () => {
      void head.refetch();
      void failed?.refetch();
    },
  };
}
