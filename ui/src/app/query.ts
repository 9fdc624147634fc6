/** The memory of the server's answers, and how often a failed question is asked again. */
import { QueryClient } from "@tanstack/react-query";
import { api } from "../api/endpoints";
import { onSignals } from "../api/client";
import { isPassing } from "../api/problem";
import { noteReached } from "./online";
import { waitForSignIn } from "./sessionState";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      networkMode: "always",
      retry: (count, fault) => count < 2 && isPassing(fault),
      retryDelay: (count) => 600 * 2 ** count,
      refetchOnWindowFocus: true,
    },
    mutations: { networkMode: "always" },
  },
});

/** Joins the client to the frame: what happens at 401 and when the network goes. */
export function startSignals(): void {
  onSignals({
    signedOut: waitForSignIn,
    reached(yes) {
      noteReached(yes, async () => {
        await api.session();
        await queryClient.invalidateQueries();
      });
    },
  });
}
