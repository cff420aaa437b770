namespace ModelFs.Registries.Mlflow;

/// <summary>What MLflow wrote down on this machine, read without its server. Everything blocks, nothing is written.</summary>
/// <remarks>Names come from outside, and may be none that the store allows. A failure is an exception that <see cref="Explain"/> knows.</remarks>
internal interface ILocalStore
{
    /// <summary>Kind and place, fit for a log.</summary>
    string Description { get; }

    /// <summary>Where MLflow ran when it wrote a relative path, as far as can be guessed: the directory that holds the store.</summary>
    string Directory { get; }

    /// <summary>One page of models without prompts, and the name to continue after.</summary>
    (List<RegisteredModelJson> Models, string? Next) Models(string? after);

    RegisteredModelJson? Model(string name);

    /// <summary>All versions of a model, those too that cannot be read; none where there is no such model.</summary>
    List<ModelVersionJson> Versions(string model);

    /// <param name="version">A version number.</param>
    ModelVersionJson? Version(string model, string version);

    /// <summary>As MLflow resolves it: <c>latest</c> is the highest number that is not deleted.</summary>
    ModelVersionJson? Alias(string model, string alias);

    /// <summary>Where the files of a version lie, in MLflow's words: its storage location, or where there is none its source.</summary>
    string? DownloadUri(string model, string version);

    string? LoggedModelUri(string id);

    string? RunUri(string id);

    void Ping();

    /// <returns>What an exception of this store means, or null where it is none of its own.</returns>
    RegistryError? Explain(Exception e);
}
