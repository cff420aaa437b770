using System.Text.Json.Serialization;

namespace ModelFs.Registries.Mlflow;

// The answers of MLflow's REST API, as far as they are read. Unset, empty and zero fields are left out by the server.

internal sealed record SearchModelsJson(List<RegisteredModelJson?>? RegisteredModels, string? NextPageToken);

internal sealed record GetModelJson(RegisteredModelJson? RegisteredModel);

internal sealed record RegisteredModelJson(
    string? Name, long CreationTimestamp, long LastUpdatedTimestamp, List<AliasJson?>? Aliases, List<TagJson?>? Tags);

internal sealed record AliasJson(string? Alias, string? Version);

internal sealed record TagJson(string? Key, string? Value);

internal sealed record SearchVersionsJson(List<ModelVersionJson?>? ModelVersions, string? NextPageToken);

internal sealed record GetVersionJson(ModelVersionJson? ModelVersion);

internal sealed record ModelVersionJson(
    string? Name, string? Version, long CreationTimestamp, string? CurrentStage, string? Source, string? RunId, string? Status);

internal sealed record DownloadUriJson(string? ArtifactUri);

internal sealed record ListArtifactsJson(string? RootUri, List<ArtifactJson?>? Files, string? NextPageToken);

internal sealed record ArtifactJson(string? Path, bool IsDir, long? FileSize);

internal sealed record ErrorJson(string? ErrorCode, string? Message);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, NumberHandling = JsonNumberHandling.AllowReadingFromString, MaxDepth = 64)]
[JsonSerializable(typeof(SearchModelsJson))]
[JsonSerializable(typeof(GetModelJson))]
[JsonSerializable(typeof(SearchVersionsJson))]
[JsonSerializable(typeof(GetVersionJson))]
[JsonSerializable(typeof(DownloadUriJson))]
[JsonSerializable(typeof(ListArtifactsJson))]
[JsonSerializable(typeof(ErrorJson))]
internal sealed partial class MlflowJson : JsonSerializerContext;
