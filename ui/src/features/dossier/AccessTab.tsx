/** What the reader may do with a thing, and who else is named in its access list. The server decided; this only says it. */
import { useQuery } from "@tanstack/react-query";
import { isStatus } from "../../api/client";
import { queries } from "../../api/queries";
import type { AclEntry, Detail } from "../../api/types";
import { hasText, useI18n, type Translate } from "../../i18n";
import { principalLabel } from "../../i18n/labels";
import { Chip } from "../../ui/controls";
import { Icon } from "../../ui/Icon";
import { ErrorState, Waiting } from "../../ui/States";
import styles from "./Dossier.module.css";
import { Name } from "../../ui/Name";

/** A permission in words; one that came after this catalogue keeps the server's name. */
function permissionName(permission: string, t: Translate): string {
  const key = `dossier:permission.${permission}`;
  return hasText(key) ? t(key) : permission;
}

/** Groups of permissions stand apart from what they hold. */
const isGroup = (permission: string) => ["Read", "Write", "Manage", "Everything"].includes(permission);

export function AccessTab({ object }: { object: Detail }) {
  const { t } = useI18n();
  return (
    <>
      <section>
        <h2>{t("dossier:access.mine")}</h2>
        {object.permissions.length === 0 ? <p className="quiet">{t("dossier:access.nothing")}</p> : (
          <>
            <p className={styles["groups"]}>{object.permissions.filter(isGroup).map((permission) => <Chip key={permission}>{permissionName(permission, t)}</Chip>)}</p>
            <ul className={styles["rights"]}>
              {object.permissions.filter((permission) => !isGroup(permission)).map((permission) => <li key={permission}><Icon name="check" /><span>{permissionName(permission, t)}</span></li>)}
            </ul>
          </>
        )}
      </section>
      <Entries object={object} />
    </>
  );
}

function Entries({ object }: { object: Detail }) {
  const { t } = useI18n();
  const acl = useQuery(queries.acl(object.id));
  if (acl.isPending) return <Waiting what={t("dossier:access.waiting")} />;
  if (acl.isError) {
    if (isStatus(acl.error, 403) || isStatus(acl.error, 404)) return <p className="quiet">{t("dossier:access.denied")}</p>;
    return <ErrorState fault={acl.error} retry={() => void acl.refetch()} />;
  }
  return (
    <>
      <EntryList heading={t("dossier:access.own")} entries={acl.data.entries} empty={t("dossier:access.noneOwn")} />
      {acl.data.inherits
        ? <EntryList heading={t("dossier:access.inherited")} entries={acl.data.inherited ?? []} empty={t("dossier:access.noneInherited")} />
        : <p className={styles["small"]}>{t("dossier:access.cut")}</p>}
    </>
  );
}

function EntryList({ heading, entries, empty }: { heading: string; entries: AclEntry[]; empty: string }) {
  const { t } = useI18n();
  const byPrincipal = Map.groupBy(entries, (entry) => entry.principal);
  const words = (entry: AclEntry) => (entry.grants === false ? t("dossier:access.not", { permission: permissionName(entry.permission, t) }) : permissionName(entry.permission, t));
  return (
    <section>
      <h2>{heading}</h2>
      {entries.length === 0 && <p className={styles["small"]}>{empty}</p>}
      <ul className={styles["entries"]}>
        {[...byPrincipal].map(([principal, mine]) => (
          <li key={principal}>
            <span className={styles["who"]}><Name>{principalLabel(mine[0]?.displayName || principal, t)}</Name>{mine[0]?.isGroup === true && <Chip>{t("dossier:access.group")}</Chip>}</span>
            <span className={styles["small"]}>{mine.map(words).join(t("common:separator"))}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
