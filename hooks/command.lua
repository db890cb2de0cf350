-- What a statement is called: "CREATE INDEX", "ALTER TABLE", from its tree, as the server's command
-- tags have it.
local command = {}

local plain = {
  AlterCollationStmt = "ALTER COLLATION",
  AlterDatabaseRefreshCollStmt = "ALTER DATABASE",
  AlterDatabaseSetStmt = "ALTER DATABASE",
  AlterDatabaseStmt = "ALTER DATABASE",
  AlterDefaultPrivilegesStmt = "ALTER DEFAULT PRIVILEGES",
  AlterDomainStmt = "ALTER DOMAIN",
  AlterEnumStmt = "ALTER TYPE",
  AlterEventTrigStmt = "ALTER EVENT TRIGGER",
  AlterExtensionContentsStmt = "ALTER EXTENSION",
  AlterExtensionStmt = "ALTER EXTENSION",
  AlterFdwStmt = "ALTER FOREIGN DATA WRAPPER",
  AlterForeignServerStmt = "ALTER SERVER",
  AlterOpFamilyStmt = "ALTER OPERATOR FAMILY",
  AlterOperatorStmt = "ALTER OPERATOR",
  AlterPolicyStmt = "ALTER POLICY",
  AlterPublicationStmt = "ALTER PUBLICATION",
  AlterRoleSetStmt = "ALTER ROLE",
  AlterRoleStmt = "ALTER ROLE",
  AlterSeqStmt = "ALTER SEQUENCE",
  AlterStatsStmt = "ALTER STATISTICS",
  AlterSubscriptionStmt = "ALTER SUBSCRIPTION",
  AlterSystemStmt = "ALTER SYSTEM",
  AlterTSConfigurationStmt = "ALTER TEXT SEARCH CONFIGURATION",
  AlterTSDictionaryStmt = "ALTER TEXT SEARCH DICTIONARY",
  AlterTableMoveAllStmt = "ALTER TABLE",
  AlterTableSpaceOptionsStmt = "ALTER TABLESPACE",
  AlterTypeStmt = "ALTER TYPE",
  AlterUserMappingStmt = "ALTER USER MAPPING",
  CallStmt = "CALL",
  CheckPointStmt = "CHECKPOINT",
  ClosePortalStmt = "CLOSE",
  CommentStmt = "COMMENT",
  CompositeTypeStmt = "CREATE TYPE",
  ConstraintsSetStmt = "SET CONSTRAINTS",
  CopyStmt = "COPY",
  CreateAmStmt = "CREATE ACCESS METHOD",
  CreateCastStmt = "CREATE CAST",
  CreateConversionStmt = "CREATE CONVERSION",
  CreateDomainStmt = "CREATE DOMAIN",
  CreateEnumStmt = "CREATE TYPE",
  CreateEventTrigStmt = "CREATE EVENT TRIGGER",
  CreateExtensionStmt = "CREATE EXTENSION",
  CreateFdwStmt = "CREATE FOREIGN DATA WRAPPER",
  CreateForeignServerStmt = "CREATE SERVER",
  CreateForeignTableStmt = "CREATE FOREIGN TABLE",
  CreateOpClassStmt = "CREATE OPERATOR CLASS",
  CreateOpFamilyStmt = "CREATE OPERATOR FAMILY",
  CreatePLangStmt = "CREATE LANGUAGE",
  CreatePolicyStmt = "CREATE POLICY",
  CreatePublicationStmt = "CREATE PUBLICATION",
  CreateRangeStmt = "CREATE TYPE",
  CreateRoleStmt = "CREATE ROLE",
  CreateSchemaStmt = "CREATE SCHEMA",
  CreateSeqStmt = "CREATE SEQUENCE",
  CreateStatsStmt = "CREATE STATISTICS",
  CreateStmt = "CREATE TABLE",
  CreateSubscriptionStmt = "CREATE SUBSCRIPTION",
  CreateTableSpaceStmt = "CREATE TABLESPACE",
  CreateTransformStmt = "CREATE TRANSFORM",
  CreateTrigStmt = "CREATE TRIGGER",
  CreateUserMappingStmt = "CREATE USER MAPPING",
  CreatedbStmt = "CREATE DATABASE",
  DeallocateStmt = "DEALLOCATE",
  DeclareCursorStmt = "DECLARE CURSOR",
  DeleteStmt = "DELETE",
  DiscardStmt = "DISCARD",
  DoStmt = "DO",
  DropOwnedStmt = "DROP OWNED",
  DropRoleStmt = "DROP ROLE",
  DropSubscriptionStmt = "DROP SUBSCRIPTION",
  DropTableSpaceStmt = "DROP TABLESPACE",
  DropUserMappingStmt = "DROP USER MAPPING",
  DropdbStmt = "DROP DATABASE",
  ExecuteStmt = "EXECUTE",
  ExplainStmt = "EXPLAIN",
  FetchStmt = "FETCH",
  ImportForeignSchemaStmt = "IMPORT FOREIGN SCHEMA",
  IndexStmt = "CREATE INDEX",
  InsertStmt = "INSERT",
  ListenStmt = "LISTEN",
  LoadStmt = "LOAD",
  LockStmt = "LOCK TABLE",
  MergeStmt = "MERGE",
  NotifyStmt = "NOTIFY",
  PrepareStmt = "PREPARE",
  ReassignOwnedStmt = "REASSIGN OWNED",
  RefreshMatViewStmt = "REFRESH MATERIALIZED VIEW",
  ReindexStmt = "REINDEX",
  ReplicaIdentityStmt = "ALTER TABLE",
  RuleStmt = "CREATE RULE",
  SecLabelStmt = "SECURITY LABEL",
  TruncateStmt = "TRUNCATE TABLE",
  UnlistenStmt = "UNLISTEN",
  UpdateStmt = "UPDATE",
  ViewStmt = "CREATE VIEW",
}

-- "OBJECT_MATVIEW" in words.
local objects = {
  OBJECT_AMOP = "OPERATOR FAMILY",
  OBJECT_AMPROC = "OPERATOR FAMILY",
  OBJECT_ATTRIBUTE = "TYPE",
  OBJECT_COLUMN = "TABLE",
  OBJECT_DOMCONSTRAINT = "DOMAIN",
  OBJECT_FDW = "FOREIGN DATA WRAPPER",
  OBJECT_FOREIGN_SERVER = "SERVER",
  OBJECT_MATVIEW = "MATERIALIZED VIEW",
  OBJECT_OPCLASS = "OPERATOR CLASS",
  OBJECT_OPFAMILY = "OPERATOR FAMILY",
  OBJECT_STATISTIC_EXT = "STATISTICS",
  OBJECT_TABCONSTRAINT = "TABLE",
  OBJECT_TSCONFIGURATION = "TEXT SEARCH CONFIGURATION",
  OBJECT_TSDICTIONARY = "TEXT SEARCH DICTIONARY",
  OBJECT_TSPARSER = "TEXT SEARCH PARSER",
  OBJECT_TSTEMPLATE = "TEXT SEARCH TEMPLATE",
}

local function object(enum)
  return objects[enum] or enum:gsub("^OBJECT_", ""):gsub("_", " ")
end

local function altered(node)
  local kind = node.renameType or node.objectType or node.objtype
  -- a column or constraint of something: what counts is of what
  if kind == "OBJECT_COLUMN" or kind == "OBJECT_ATTRIBUTE" then
    kind = node.relationType or kind
  end
  return "ALTER " .. object(kind)
end

local transaction = {
  TRANS_STMT_BEGIN = "BEGIN",
  TRANS_STMT_START = "START TRANSACTION",
  TRANS_STMT_COMMIT = "COMMIT",
  TRANS_STMT_ROLLBACK = "ROLLBACK",
  TRANS_STMT_SAVEPOINT = "SAVEPOINT",
  TRANS_STMT_RELEASE = "RELEASE",
  TRANS_STMT_ROLLBACK_TO = "ROLLBACK",
  TRANS_STMT_PREPARE = "PREPARE TRANSACTION",
  TRANS_STMT_COMMIT_PREPARED = "COMMIT PREPARED",
  TRANS_STMT_ROLLBACK_PREPARED = "ROLLBACK PREPARED",
}

local by_node = {
  AlterTableStmt = altered,
  AlterObjectSchemaStmt = altered,
  AlterOwnerStmt = altered,
  AlterObjectDependsStmt = altered,
  RenameStmt = altered,
  AlterFunctionStmt = function(node)
    return "ALTER " .. object(node.objtype)
  end,
  ClusterStmt = function(node)
    return node.repacks and "REPACK" or "CLUSTER"
  end,
  CreateFunctionStmt = function(node)
    return node.is_procedure and "CREATE PROCEDURE" or "CREATE FUNCTION"
  end,
  CreateTableAsStmt = function(node)
    if node.is_select_into then
      return "SELECT INTO"
    end
    return node.objtype == "OBJECT_MATVIEW" and "CREATE MATERIALIZED VIEW" or "CREATE TABLE AS"
  end,
  DefineStmt = function(node)
    return "CREATE " .. object(node.kind)
  end,
  DropStmt = function(node)
    return "DROP " .. object(node.removeType)
  end,
  GrantStmt = function(node)
    return node.is_grant and "GRANT" or "REVOKE"
  end,
  GrantRoleStmt = function(node)
    return node.is_grant and "GRANT" or "REVOKE"
  end,
  SelectStmt = function(node)
    return node.intoClause and "SELECT INTO" or "SELECT"
  end,
  TransactionStmt = function(node)
    return transaction[node.kind]
  end,
  VacuumStmt = function(node)
    return node.is_vacuumcmd and "VACUUM" or "ANALYZE"
  end,
  VariableSetStmt = function(node)
    return node.kind:find "RESET" and "RESET" or "SET"
  end,
  VariableShowStmt = function()
    return "SHOW"
  end,
}

function command.of(node)
  local special = by_node[node.tag]
  return special and special(node) or plain[node.tag] or node.tag
end

return command
