/** Who is signed in. Nothing of the office is drawn before the server has said so. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, lazy, Suspense, useContext, useEffect, type ReactNode } from "react";
import { queries } from "../api/queries";
import type { User } from "../api/types";
import { useI18n } from "../i18n";
import { ErrorState, Waiting } from "../ui/States";
import { LiveRegions } from "./live";
import { expired, known, noteEntry, signedInAgain } from "./sessionState";
import { useStore } from "./store";

const SignInPage = lazy(() => import("../features/session/SignIn").then((file) => ({ default: file.SignInPage })));
const SignInLayer = lazy(() => import("../features/session/SignIn").then((file) => ({ default: file.SignInLayer })));
const NewPasswordPage = lazy(() => import("../features/session/NewPassword").then((file) => ({ default: file.NewPasswordPage })));

const UserContext = createContext<User | null>(null);

/** Returns the person who is signed in. */
export function useUser(): User {
  const user = useContext(UserContext);
  if (user === null) throw new Error("no session around this component");
  return user;
}

export function SessionGate({ children }: { children: ReactNode }) {
  const { t } = useI18n();
  const session = useQuery(queries.session());
  const client = useQueryClient();
  const ended = useStore(expired);
  const user = session.data?.user;

  useEffect(() => {
    if (user !== undefined) known.user = user.id;
  }, [user]);

  if (session.isPending) return <Waiting what={t("common:waiting.session")} />;
  if (session.isError) return <ErrorState page fault={session.error} retry={() => void session.refetch()} />;
  if (session.data === null || user === undefined) {
    return (
      <Suspense fallback={null}>
        <SignInPage onSignedIn={(mine) => { noteEntry(); client.setQueryData(["session"], mine); }} />
        <LiveRegions />
      </Suspense>
    );
  }
  if (session.data.mustChangePassword === true || user.mustChangePassword) {
    return (
      <Suspense fallback={null}>
        <NewPasswordPage user={user} onChanged={() => { noteEntry(); return client.invalidateQueries({ queryKey: ["session"] }); }} />
        <LiveRegions />
      </Suspense>
    );
  }
  return (
    <UserContext.Provider value={user}>
      {children}
      <LiveRegions />
      {ended !== null && (
        <Suspense fallback={null}>
          <SignInLayer
            username={user.username}
            onSignedIn={(mine) => {
              client.setQueryData(["session"], mine);
              signedInAgain(mine.user.id);
            }}
          />
        </Suspense>
      )}
    </UserContext.Provider>
  );
}
