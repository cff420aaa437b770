using Microsoft.Data.Sqlite;

namespace ModelFs.Registries.Mlflow;

/// <summary>
/// MLflow's tables, read from the database file itself. Opened for each question and read-only: MLflow may write to it, move it aside
/// or migrate it at any time.
/// </summary>
/// <param name="workspace">Databases since MLflow 3.10 may hold several; those before have no such column.</param>
internal sealed class SqliteStore(string path, string workspace, TimeSpan busyTimeout) : ILocalStore
{
    private const int PageSize = 1000;

    static SqliteStore() => SQLitePCL.Batteries_V2.Init();

    // The columns that a version row is made of, in the order of Read.
    private const string VersionColumns = "v.name, v.version, v.creation_time, v.current_stage, v.source, v.run_id, v.status";

    public string Description => $"mlflow sqlite:///{path}";

    public string Directory => Path.GetDirectoryName(path)!;

    public (List<RegisteredModelJson> Models, string? Next) Models(string? after)
    {
        using var database = Open();
        using var command = database.Command(
            $"""
             SELECT m.name, m.creation_time, m.last_updated_time FROM registered_models m
             WHERE m.name > $after {database.Within("m")} AND NOT EXISTS (
               SELECT 1 FROM registered_model_tags t WHERE t.name = m.name {database.Within("t")}
               AND t.key = '{MlflowRecords.PromptTag}' AND lower(t.value) = 'true')
             ORDER BY m.name LIMIT {PageSize + 1}
             """,
            ("$after", after ?? ""));
        var models = new List<RegisteredModelJson>();
        using (var reader = command.ExecuteReader())
            while (reader.Read()) models.Add(new(reader.GetString(0), Long(reader, 1), Long(reader, 2), null, null));
        var next = models.Count > PageSize ? models[PageSize - 1].Name : null;
        if (next is not null) models.RemoveAt(PageSize);
        return ([.. models.Select(model => model with { Aliases = Aliases(database, model.Name!) })], next);
    }

    public RegisteredModelJson? Model(string name)
    {
        using var database = Open();
        using var command = database.Command(
            $"""
             SELECT m.creation_time, m.last_updated_time FROM registered_models m
             WHERE m.name = $name {database.Within("m")} AND NOT EXISTS (
               SELECT 1 FROM registered_model_tags t WHERE t.name = m.name {database.Within("t")}
               AND t.key = '{MlflowRecords.PromptTag}' AND lower(t.value) = 'true')
             """,
            ("$name", name));
        using var reader = command.ExecuteReader();
        return reader.Read() ? new(name, Long(reader, 0), Long(reader, 1), Aliases(database, name), null) : null;
    }

    public List<ModelVersionJson> Versions(string model)
    {
        using var database = Open();
        return Versions(database, $"v.name = $name {database.Within("v")} ORDER BY v.version DESC", ("$name", model));
    }

    public ModelVersionJson? Version(string model, string version)
    {
        using var database = Open();
        return Versions(
            database, $"v.name = $name AND v.version = $version {database.Within("v")}",
            ("$name", model), ("$version", long.Parse(version))).FirstOrDefault();
    }

    public ModelVersionJson? Alias(string model, string alias)
    {
        using var database = Open();
        return alias == MlflowRecords.Latest
            ? Versions(
                database,
                $"""
                 v.name = $name AND coalesce(v.current_stage, '') <> '{MlflowRecords.DeletedStage}' {database.Within("v")}
                 ORDER BY v.version DESC LIMIT 1
                 """,
                ("$name", model)).FirstOrDefault()
            : Versions(
                database,
                $"""
                 v.name = $name {database.Within("v")} AND v.version = (
                   SELECT a.version FROM registered_model_aliases a WHERE a.name = $name AND a.alias = $alias {database.Within("a")})
                 """,
                ("$name", model), ("$alias", alias)).FirstOrDefault();
    }

    public string? DownloadUri(string model, string version)
    {
        using var database = Open();
        var location = database.HasColumn("model_versions", "storage_location")
            ? "coalesce(nullif(v.storage_location, ''), v.source)"
            : "v.source";
        return Scalar(
            database, $"SELECT {location} FROM model_versions v WHERE v.name = $name AND v.version = $version {database.Within("v")}",
            ("$name", model), ("$version", long.Parse(version)));
    }

    public string? LoggedModelUri(string id)
    {
        using var database = Open();
        return Scalar(database, "SELECT artifact_location FROM logged_models WHERE model_id = $id", ("$id", id));
    }

    public string? RunUri(string id)
    {
        using var database = Open();
        return Scalar(database, "SELECT artifact_uri FROM runs WHERE run_uuid = $id", ("$id", id));
    }

    public void Ping()
    {
        using var database = Open();
        Scalar(database, "SELECT name FROM registered_models LIMIT 1");
    }

    public RegistryError? Explain(Exception e)
    {
        if (e is not SqliteException failure) return null;
        var (kind, fault) = failure.SqliteErrorCode switch
        {
            1 => (RegistryErrorKind.Unsupported,
                $"is no MLflow database of a version known here; `mlflow db upgrade` may help ({e.Message.TrimEnd('.')})"),
            5 or 6 => (RegistryErrorKind.Unavailable, $"is locked by another process, for {busyTimeout.TotalSeconds:0.###} s and more"),
            8 => (RegistryErrorKind.Unavailable,
                "was left in the middle of a transaction, which only a process that may write to it can mend"),
            11 => (RegistryErrorKind.Malformed, "is damaged"),
            14 => (RegistryErrorKind.Unavailable, File.Exists(path) ? "cannot be opened" : "does not exist"),
            26 => (RegistryErrorKind.Malformed, "is not a SQLite database"),
            _ => (RegistryErrorKind.Unavailable, $"cannot be read: {e.Message.TrimEnd('.')}"),
        };
        return new RegistryError(kind, $"{path} {fault}.");
    }

    private Database Open() => new(path, workspace, busyTimeout);

    private static List<ModelVersionJson> Versions(Database database, string condition, params ReadOnlySpan<(string, object)> values)
    {
        using var command = database.Command($"SELECT {VersionColumns} FROM model_versions v WHERE {condition}", values);
        using var reader = command.ExecuteReader();
        var versions = new List<ModelVersionJson>();
        while (reader.Read())
            versions.Add(new(
                Text(reader, 0), Text(reader, 1), Long(reader, 2), Text(reader, 3), Text(reader, 4), Text(reader, 5), Text(reader, 6)));
        return versions;
    }

    private static List<AliasJson?> Aliases(Database database, string model)
    {
        using var command = database.Command(
            $"SELECT a.alias, a.version FROM registered_model_aliases a WHERE a.name = $name {database.Within("a")}", ("$name", model));
        using var reader = command.ExecuteReader();
        var aliases = new List<AliasJson?>();
        while (reader.Read()) aliases.Add(new(Text(reader, 0), Text(reader, 1)));
        return aliases;
    }

    private static string? Scalar(Database database, string sql, params ReadOnlySpan<(string, object)> values)
    {
        using var command = database.Command(sql, values);
        return command.ExecuteScalar() as string;
    }

    private static string? Text(SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    private static long Long(SqliteDataReader reader, int column) => reader.IsDBNull(column) ? 0 : reader.GetInt64(column);

    /// <summary>One open connection, and what this database has of what not all have.</summary>
    private sealed class Database : IDisposable
    {
        private readonly SqliteConnection connection;
        private readonly string workspace;
        private readonly Dictionary<string, bool> columns = new(StringComparer.Ordinal);

        public Database(string path, string workspace, TimeSpan busyTimeout)
        {
            this.workspace = workspace;
            connection = new SqliteConnection(new SqliteConnectionStringBuilder
            {
                DataSource = path,
                Mode = SqliteOpenMode.ReadOnly,
                Pooling = false,
                DefaultTimeout = Math.Max(1, (int)busyTimeout.TotalSeconds),
            }.ToString());
            try
            {
                connection.Open();
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        }

        public SqliteCommand Command(string sql, params ReadOnlySpan<(string Name, object Value)> values)
        {
            var command = connection.CreateCommand();
            command.CommandText = sql;
            if (sql.Contains("$workspace", StringComparison.Ordinal)) command.Parameters.AddWithValue("$workspace", workspace);
            foreach (var (name, value) in values) command.Parameters.AddWithValue(name, value);
            return command;
        }

        /// <summary>The condition that keeps a table's rows to our workspace, where the database has workspaces.</summary>
        public string Within(string alias) => HasColumn("registered_models", "workspace") ? $"AND {alias}.workspace = $workspace" : "";

        public bool HasColumn(string table, string column)
        {
            if (columns.TryGetValue($"{table}.{column}", out var known)) return known;
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT count(*) FROM pragma_table_info($table) WHERE name = $column";
            command.Parameters.AddWithValue("$table", table);
            command.Parameters.AddWithValue("$column", column);
            return columns[$"{table}.{column}"] = Convert.ToInt64(command.ExecuteScalar()) > 0;
        }

        public void Dispose() => connection.Dispose();
    }
}
