select role.rolname
from pg_catalog.pg_class as parent
cross join lateral pg_catalog.aclexplode(parent.relacl) as granted
left join pg_catalog.pg_roles as role on granted.grantee = role.oid
where
    parent.oid = pg_catalog.to_regclass(%(table)s)
    and granted.privilege_type = 'SELECT'
    and granted.grantee <> parent.relowner
